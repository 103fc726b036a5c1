"""Doubts about a reading in plain words. Pure. A flag is ``<field>:<what>`` or ``time:implausible``."""

from collections.abc import Iterable, Iterator

from api.console.formats import number, unit
from api.console.texts import Words
from model.device import DeviceType, Field


def flag_texts(flags: Iterable[str], device_type: DeviceType | None, words: Words) -> Iterator[str]:
    """Yield a sentence for each flag."""
    for flag in flags:
        name, _, what = flag.partition(":")
        field = device_type.field(name) if device_type else None
        title = words.pick(field.title) if field else name
        if flag == "time:implausible":
            yield words("flag.time.implausible")
        elif what == "range" and field is not None and (field.minimum is not None or field.maximum is not None):
            yield words("flag.range", field=title, range=plausible(field, words))
        elif what == "range":
            yield words("flag.range.plain", field=title)
        else:
            yield words("flag.other", field=title, flag=what or flag)


def alarm_texts(fields: Iterable[str], device_type: DeviceType | None, words: Words) -> Iterator[str]:
    """Yield a sentence for each field by which the device itself reports trouble."""
    for name in fields:
        field = device_type.field(name) if device_type else None
        yield words("flag.alarm", field=words.pick(field.title) if field else name)


def plausible(field: Field, words: Words) -> str:
    """Return a field's plausible range with its unit, an en dash where it has none."""
    if field.minimum is None and field.maximum is None:
        return "–"
    low = "…" if field.minimum is None else number(field.minimum, words.language)
    high = "…" if field.maximum is None else number(field.maximum, words.language)
    return f"{low} … {high}\u00a0{unit(field.unit)}".strip("\u00a0")
