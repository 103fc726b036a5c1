"""Whether a codec gives what an example promises.

Rules:

1. Texts that name a moment are compared as instants, to the millisecond that scripts know; numbers to a millionth.
2. An empty list of errors or warnings is none. An expected error is satisfied by any error, thrown or told: its words
   are those of the engine it was written with.
3. ``null``, not a number and infinite are one: JSON knows no other. A key without a value is as good as none.
4. A moment with the letter X for every digit promises any moment, ``SKIP_NUMBER`` any number: so Actility writes them.
"""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone

from decoders.corpora.published import NOTHING, Expected
from model.script import Result

_RELATIVE = 1e-6
_TINY = 1e-12
_ANY_MOMENT = re.compile(r"X{4}-X{2}-X{2}.X{2}:X{2}:X{2}.*")
_ANY_NUMBER = "SKIP_NUMBER"
_LONGEST_SHOWN = 60
_OURS = "the answer has no `data`"
"""How a warning begins that the engine adds, and no codec gave."""

_ISO = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d?)-(?P<day>\d\d?)[T ](?P<hour>\d\d?):(?P<minute>\d\d?)"
    r"(?::(?P<second>\d\d?)(?P<part>\.\d+)?)? ?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)?"
)
_LOCAL = re.compile(
    r"(?P<one>\d\d?)[/.](?P<two>\d\d?)[/.](?P<year>\d{4}),? +(?P<hour>\d\d?):(?P<minute>\d\d?)(?::(?P<second>\d\d?))?"
    r"(?: ?(?P<half>AM|PM))?"
)
_LONG = re.compile(
    r"(?:[A-Z][a-z]{2},? )?(?:(?P<month>[A-Z][a-z]{2}) (?P<day>\d\d?)|(?P<day2>\d\d?) (?P<month2>[A-Z][a-z]{2}))"
    r" (?P<year>\d{4}) (?P<hour>\d\d?):(?P<minute>\d\d?):(?P<second>\d\d?)"
    r"(?: (?:GMT|UTC)(?P<zone>[+-]\d{4})?)?(?: \(.*\))?"
)
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def difference(expected: Expected, result: Result) -> str | None:
    """Return the first difference between what an example promises and what a codec gave, ``None`` if there is none."""
    if expected.errors:
        return None if result.errors else f"gives no error, but should: {_shown(expected.errors[0])}"
    if result.errors:
        return f"fails: {result.errors[0]}"
    if expected.data is not NOTHING:
        found = next(_differences("data", expected.data, _part(result.data, expected.data)), None)
        if found is not None:
            return found
    warnings = [warning for warning in result.warnings if not warning.startswith(_OURS)]
    return next(_differences("warnings", list(expected.warnings), warnings), None)


def _part(got: object, expected: object) -> object:
    """Return a downlink as far as an example tells of it: some name no port, and some write it as a text."""
    if not (isinstance(got, dict) and isinstance(expected, dict)):
        return got
    if "bytes" not in expected or got.keys() != {"bytes", "fPort"}:
        return got
    if "fPort" not in expected:
        return {"bytes": got["bytes"]}
    return got | ({"fPort": expected["fPort"]} if str(got["fPort"]) == str(expected["fPort"]) else {})


def _differences(where: str, expected: object, got: object) -> Iterator[str]:
    """Yield what differs, in the order of what is expected."""
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        expected, got = _by_text(expected), _by_text(got)
        for key in dict.fromkeys([*expected, *got]):
            yield from _differences(f"{where}.{key}", expected.get(key), got.get(key))
    elif isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            yield f"{where} has {len(got)} entries and not {len(expected)}"
        for position, (one, other) in enumerate(zip(expected, got, strict=False)):
            yield from _differences(f"{where}.{position}", one, other)
    elif not same(expected, got):
        yield f"{where} is {_shown(got)} and not {_shown(expected)}"


def _by_text(values: Mapping[object, object]) -> dict[str, object]:
    """Return an object with texts as keys: in YAML they may be numbers."""
    return {str(key): value for key, value in values.items()}


def same(expected: object, got: object) -> bool:
    """Whether two values that are no objects say the same."""
    if _nothing(expected) and _nothing(got):
        return True
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, int | float) and isinstance(got, int | float):
        return math.isclose(expected, got, rel_tol=_RELATIVE, abs_tol=_TINY)
    if expected == _ANY_NUMBER:
        return isinstance(got, int | float)
    if not (isinstance(expected, str) and isinstance(got, str)):
        return False
    return (
        expected == got
        or (_ANY_MOMENT.fullmatch(expected) is not None and bool(instants(got)))
        or not instants(expected).isdisjoint(instants(got))
    )


def instants(text: str) -> set[datetime]:
    """Return the moments that a text can name: none for other texts, two where day and month may be meant.

    Without a zone it is UTC: codecs run there.
    """
    text = text.strip()
    if (match := _ISO.fullmatch(text)) is not None:
        dates = [(int(match["year"]), int(match["month"]), int(match["day"]))]
    elif (match := _LOCAL.fullmatch(text)) is not None:
        one, two = int(match["one"]), int(match["two"])
        dates = [(int(match["year"]), one, two), (int(match["year"]), two, one)]
    elif (match := _LONG.fullmatch(text)) is not None:
        name = match["month"] or match["month2"]
        month = _MONTHS.index(name) + 1 if name in _MONTHS else 0
        dates = [(int(match["year"]), month, int(match["day"] or match["day2"]))]
    else:
        return set()
    found = set()
    for date in dates:
        try:
            found.add(_at(date, match.groupdict()))
        except (ValueError, OverflowError):
            continue
    return found


def _at(date: tuple[int, int, int], parts: Mapping[str, str | None]) -> datetime:
    """Return the moment on that day; raise ``ValueError``."""
    hour = int(parts["hour"] or 0)
    if parts.get("half"):
        hour = hour % 12 + (12 if parts["half"] == "PM" else 0)
    millis = int(float(parts.get("part") or 0) * 1e3 + 1e-6)
    time = datetime(*date, hour, int(parts["minute"] or 0), int(parts["second"] or 0), tzinfo=UTC)
    zone = (parts.get("zone") or "").replace(":", "")
    if zone[:1] in {"+", "-"}:
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
        time = time.replace(tzinfo=timezone(offset if zone[0] == "+" else -offset)).astimezone(UTC)
    return time + timedelta(milliseconds=millis)


def _nothing(value: object) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _shown(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
