"""Quiet hours: when nobody is to be called, unless it is bad enough. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from model.severity import SEVERITIES, Severity

FORM = '{ from = "22:00", to = "07:00", except = "critical" }'
_NONE = "none"


@dataclass(frozen=True, slots=True)
class Quiet:
    """From ``start`` to ``end`` local time, over midnight where ``end`` is earlier.

    ``exempt``: what is as bad as this, or worse, is told nonetheless; ``None``: nothing is.
    """

    start: time
    end: time
    exempt: Severity | None = "critical"

    @classmethod
    def parse(cls, said: object) -> "Quiet":
        """Return the quiet hours that a table says; raise ``ValueError`` with what would be right."""
        if not isinstance(said, Mapping) or not {"from", "to"} <= set(said) <= {"from", "to", "except"}:
            raise ValueError(f"must be a table: {FORM}")
        start, end = _time(said["from"]), _time(said["to"])
        if start == end:
            raise ValueError("must end at another time than it begins")
        word = said.get("except", "critical")
        if word != _NONE and word not in SEVERITIES:
            known = ", ".join(f'"{one}"' for one in (*SEVERITIES, _NONE))
            raise ValueError(f"has an except that is none of {known}")
        return cls(start, end, None if word == _NONE else word)

    def spares(self, severity: Severity) -> bool:
        """Whether what is so bad is told at any hour."""
        return self.exempt is not None and SEVERITIES.index(severity) >= SEVERITIES.index(self.exempt)

    def until(self, now: datetime, zone: tzinfo) -> datetime | None:
        """Return when the quiet hours end in which ``now`` is, ``None`` if it is in none."""
        local = now.astimezone(zone)
        clock = local.time()
        over_midnight = self.end < self.start
        begun, to_come = clock >= self.start, clock < self.end
        inside = (begun or to_come) if over_midnight else (begun and to_come)
        if not inside:
            return None
        day = local.date() + timedelta(days=1 if over_midnight and begun else 0)
        ends = datetime.combine(day, self.end, zone)
        if ends.astimezone(UTC) <= now:  # in the hour that there is twice in autumn
            ends = ends.replace(fold=1)
        return ends.astimezone(UTC)


def _time(text: object) -> time:
    try:
        found = time.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None:
        raise ValueError(f'has {text!r} where a time as "22:00" belongs: {FORM}')
    return found
