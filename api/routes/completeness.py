"""How complete data are: what came of what was to be expected, and when the worst were silent."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api import caching
from api.access.rights import needs
from api.choice import ChoiceDep
from api.context import PREFIX, ContextDep
from api.openapi import problems
from api.parameters import FromQuery, SimulatedQuery, ToQuery, check_range, simulated_filter
from api.schemas import CompletenessOut, CoverageOut
from model.access import Permission
from model.instants import EPOCH

router = APIRouter(prefix=PREFIX, tags=["readings"])

MAX_ROWS = 1000
_SPAN = timedelta(days=1)
_FIRST = EPOCH + _SPAN


@router.get(
    "/completeness",
    summary="Gaps and completeness",
    response_model=CompletenessOut,
    responses={304: caching.NOT_MODIFIED, **problems(404, 422, 503)},
)
@needs(Permission.DATA)
async def completeness(
    request: Request,
    context: ContextDep,
    choice: ChoiceDep,
    start: FromQuery = None,
    end: ToQuery = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS, description=f"Devices to list, at most {MAX_ROWS:,}.")] = 20,
    simulated: SimulatedQuery = "include",
) -> Response:
    """Tell how much of what their period lets expect active devices have brought, and the gaps of the worst.

    Without `from` it is the last day before `to`, without `to` up to now.
    """
    check_range(start, end)
    until = max(end or context.clock(), _FIRST)  # a day before must be a time, too
    report = await context.dashboards.gaps(
        choice.device_type,
        start=start or until - _SPAN,
        end=until,
        devices=choice.named,
        limit=limit,
        simulated=simulated_filter(simulated),
    )
    body = CompletenessOut(
        device_type=choice.device_type.name,
        resolution=report.resolution.value,
        start=report.start,
        end=report.end,
        widened=report.widened,
        devices=report.devices,
        completeness=report.completeness,
        worst=[CoverageOut.model_validate(one) for one in report.worst],
    )
    return caching.answer(
        request, body.model_dump_json().encode(), {}, "application/json", end=end, now=context.clock()
    )
