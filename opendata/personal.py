"""What may not be published as finely as it is known: the rules on personal data, with their sources. Pure.

Rules:

1. Whose life a device tells of stands in its device file (``personal``). A meter of one home tells when people get up,
   leave and sleep; a tracker tells where one person was. A tram tells where the tram was: its timetable does, too.
2. A rule is kept by aggregating, by a coarser resolution, by waiting, or by leaving fields out; what is refused says
   which of these is missing. There is no way round it but a published statement that these devices are nobody's.
3. What is not told by one file must not be told by two: a day of such devices is published once, since another version
   less the first is what one home added; and no two datasets tell of the same devices' same fields.
4. ``LAW`` is asked by a text; ``CAUTION`` is our own choice where texts give a principle and no figure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from model.dataset import Dataset
from model.device import DeviceType, Personal
from model.resolution import Resolution

_POSITION = frozenset({"latitude", "longitude", "speed", "heading", "distance"})


@dataclass(frozen=True, slots=True)
class Rule:
    """What a dataset with such devices keeps to. ``leave_out``: quantities that are not published at all."""

    at_least: int
    resolution: Resolution
    delay: timedelta
    leave_out: frozenset[str]
    basis: Literal["LAW", "CAUTION"]
    why: str
    source: str


RULES: Mapping[Personal, Rule] = {
    "household": Rule(
        at_least=10,
        resolution=Resolution.DAY,
        delay=timedelta(),
        leave_out=frozenset(),
        basis="LAW",
        why="a home's consumption tells how people live in it",
        source="code de l'énergie, articles D. 111-52 et seq. (décrets 2016-973 and 2020-196: groups of 10 delivery"
        " points at least); loi 2016-1321, article 23, and CNIL, délibération 2017-024: aggregated until anonymous",
    ),
    "vehicle": Rule(
        at_least=10,
        resolution=Resolution.HOUR,
        delay=timedelta(days=1),
        leave_out=_POSITION,
        basis="CAUTION",
        why="where one vehicle was tells where its driver was",
        source="RGPD, article 4 (1) and CNIL, délibération 2015-165 on vehicles of employees: positions are personal"
        " data; a handful of points is enough to know somebody again (de Montjoye et al., 2013)",
    ),
}


def guarded(dataset: Dataset, of: DeviceType) -> bool:
    """Whether what devices of a type say in a dataset is of somebody's life, and the rules hold."""
    return of.personal is not None and not dataset.not_personal


def refused(dataset: Dataset, of: DeviceType, fields: tuple[str, ...]) -> list[str]:
    """Return what keeps devices of a type from being published like this, each with what to change."""
    if of.personal is None or not guarded(dataset, of):
        return []
    rule = RULES[of.personal]
    about = f"{of.name} is marked personal = {of.personal!r} ({rule.why})"
    found = []
    aggregate = dataset.aggregate
    if aggregate is None:
        form = f'aggregate = {{ by = "district", at_least = {rule.at_least} }}'
        found.append(f"{about}: one device alone cannot be published: add {form}")
    elif aggregate.at_least < rule.at_least:
        found.append(f"{about}: {aggregate.at_least} devices are too few for a row: set at_least = {rule.at_least}")
    if dataset.resolution.width < rule.resolution.width:
        word = "day" if rule.resolution is Resolution.DAY else rule.resolution.value
        now = dataset.resolution.value
        found.append(f'{about}: resolution "{now}" is too fine: set resolution = "{word}" or coarser')
    if dataset.delay < rule.delay:
        days = rule.delay // timedelta(days=1)
        found.append(f'{about}: it is published too soon: set delay = "{days} d" or more')
    left = [name for name in fields if (field := of.field(name)) and field.quantity in rule.leave_out]
    if left:
        found.append(f"{about}: leave out {', '.join(left)}: list the other fields in fields = […]")
    if found:
        reason = 'if these devices are nobody\'s, say whose in not_personal = "…", which is published'
        found[-1] += f" [{rule.source}]; {reason}"
    return found
