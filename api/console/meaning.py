"""What a quarantined frame would become today, in words. Pure."""

from collections.abc import Iterator, Sequence

from api.console.formats import clock_time, value
from api.console.texts import Words
from decoders.catalogue import Catalogue
from model.device import DeviceType
from model.errors import PenfeldError
from model.views import Interpretation, ReadingRow

_MOST_ROWS = 20


def meaning(told: Sequence[Interpretation], words: Words, catalogue: Catalogue) -> Iterator[tuple[str, bool]]:
    """Yield lines with whether each tells of something good: a reading that would be stored, or why not."""
    for one in told:
        if one.reason is not None:
            yield words("quarantine.today.stays", reason=words(f"reason.{one.reason.value}"), detail=one.detail), False
        elif not one.rows:
            yield words("quarantine.today.empty", device=one.device or ""), True
        else:
            device_type = _known(catalogue, one.device_type)
            for row in one.rows[:_MOST_ROWS]:
                yield _reading(row, device_type, words), True
            if len(one.rows) > _MOST_ROWS:
                yield words("quarantine.today.more", count=len(one.rows) - _MOST_ROWS), True


def _reading(row: ReadingRow, device_type: DeviceType | None, words: Words) -> str:
    parts = []
    for name, of in row.values.items():
        field = device_type.field(name) if device_type else None
        title = words.pick(field.title) if field else name
        shown = value(of, field, words.language, yes=words("yes"), no=words("no"))
        parts.append(f"{title} {shown}")
    flags = f" ({', '.join(row.flags)})" if row.flags else ""
    when = clock_time(row.time, words.language)
    return words("quarantine.today.stored", time=when, values=", ".join(parts)) + flags


def _known(catalogue: Catalogue, name: str | None) -> DeviceType | None:
    try:
        return catalogue[name].type if name else None
    except PenfeldError:  # its file is gone or wrong meanwhile
        return None
