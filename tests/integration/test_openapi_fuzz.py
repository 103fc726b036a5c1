"""Every route, asked all sorts of things: no 5xx, and no answer outside the document."""

import asyncio

import pytest
import schemathesis
from schemathesis import BaseSchema
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model.alarm import StoredRule
from model.views import ReadingRow
from tests.openapi_cases import CHECKS, Case, prepared, times
from tests.unit.api.access_scene import access_scene
from tests.unit.api.scene import BIN, LAMP, NOW, Down, alarm_of, lamp_readings, rule_of_lamps, scene_of

KNOWN = {
    "device": LAMP,
    "device_type": "lamp",
    "name": "lamp",
    "rule": "lamps/hot",
    "alarm": "1",
    "channel": "ops",
    "network": "sigfox",
    "fields": ["power_w"],
    "path": "Things",
}


PORTS: tuple[str, ...] = ("queries", "observations", "exports", "dashboards", "registry", "alarms", "rules", "outbox")


class HangingUp:
    """The application for a client who takes the first piece of a live stream and goes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; of a stream, one piece."""
        ended = False

        async def until_then() -> Message:
            return {"type": "http.disconnect"} if ended else await receive()

        async def ending(message: Message) -> None:
            nonlocal ended
            if ended:
                return
            if message["type"] == "http.response.body" and message.get("body"):
                ended = True
                await send({**message, "more_body": False})
            else:
                await send(message)

        live = scope["type"] == "http" and scope["path"].endswith("/stream")
        await self.app(scope, until_then if live else receive, ending if live else send)


def told() -> ASGIApp:
    """Return the application with something of everything to tell."""
    scene = scene_of()
    for live in lamp_readings(5):
        row = ReadingRow(
            device=live.device, time=live.time, received_at=live.received_at, values=live.values, version="1"
        )
        scene.memory.rows.setdefault("lamp", {})[(row.device, row.time)] = row
    for alarm in (alarm_of(1), alarm_of(2, device=BIN, device_type="bin", subject=BIN)):
        scene.alarms.add(alarm)
    scene.rules.rules["lamps/hot"] = StoredRule(
        rule=rule_of_lamps(), version="1", origin="file", changed_at=NOW, changed_by=""
    )
    return HangingUp(scene.app)


SCHEMA: BaseSchema = prepared(schemathesis.openapi.from_asgi("/api/v1/openapi.json", told()), KNOWN)


@SCHEMA.parametrize()
@times(8)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_answer_is_in_the_document(case: Case) -> None:
    """Whatever is asked is answered by a status, a media type and a shape that the document tells of."""
    case.call_and_validate(checks=CHECKS)


DOWN: BaseSchema = prepared(
    schemathesis.openapi.from_asgi(
        "/api/v1/openapi.json",
        HangingUp(scene_of(**dict.fromkeys(PORTS, Down())).app),  # type: ignore[arg-type]  # any port may be so
    ),
    KNOWN,
)


@DOWN.parametrize()
@times(2)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_without_a_database(case: Case) -> None:
    """While the database does not answer, whatever is asked is answered as the document says: by 503, if need be."""
    case.call_and_validate(checks=CHECKS[1:])


ENDLESS = ["/api/v1/stream"]
"""Answers that never end: tried in test_access_streams."""
MADE = asyncio.run(access_scene())
ADMIN = dict(MADE.headers["wide"])
GUARDED: BaseSchema = prepared(
    schemathesis.openapi.from_asgi("/api/v1/openapi.json", MADE.scene.app).exclude(path=ENDLESS), KNOWN
)


@GUARDED.parametrize()
@times(3)
@pytest.mark.parametrize("headers", [ADMIN, {"Authorization": "Bearer pf_wrong"}, {}], ids=["token", "wrong", "none"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_with_accounts_every_answer_is_in_the_document(case: Case, headers: dict[str, str]) -> None:
    """Over all addresses, with a viewer's token, a wrong one and none: no 5xx, and what is refused is told of."""
    case.call_and_validate(headers=headers, checks=CHECKS[:2])
