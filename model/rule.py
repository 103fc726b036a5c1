"""What an alert rule is: whom it watches, what it waits for, when, and who hears of it. Nothing is evaluated here.

The same rule is written by operators in the console (JSON), by engineers in files (TOML) and by makers in device files.
``docs/rules.md`` explains each part with examples; ``alerts.check`` says what is wrong with one.

Rules:

1. Times are event times. A condition is true or false *at readings*; it holds from one reading to the next, at most for
   ``hold``.
2. Whatever has a value to come back to (``clear``) stays raised until that is reached.
3. Every ``kind`` of condition is a class here with the same tag; ``All``, ``AnyOf`` and ``Not`` join them.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from model.device import Text
from model.severity import Severity
from model.spans import Span, decoded, encoded
from model.value import Value

Measure = Literal["mean", "min", "max", "sum", "count", "share"]


class _Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Of a rule: unknown keys are refused, what is not said is left out."""


class _Lasting(_Part, frozen=True, kw_only=True):
    """What all conditions on readings share.

    ``for_``: how long it has to be so; ``repeat``: at how many readings one after the other; ``clear_for``: how long it
    has to be over; ``hold``: how long one reading stands for what comes after it (default: three periods of the device
    type); ``flagged``: whether readings count whose value is flagged as implausible.
    """

    for_: Span | None = msgspec.field(name="for", default=None)
    repeat: int = 1
    clear_for: Span | None = None
    hold: Span | None = None
    flagged: bool = False


class Threshold(_Lasting, frozen=True, kw_only=True, tag="threshold", tag_field="kind"):
    """A value above or below a limit. ``clear``: the value that it has to come back to (default: the limit itself).

    ``unit``: as a reminder to readers; it must be that of the field.
    """

    field: str
    above: float | None = None
    below: float | None = None
    clear: float | None = None
    unit: str | None = None


class Range(_Lasting, frozen=True, kw_only=True, tag="range", tag_field="kind"):
    """A value outside of ``low`` to ``high``. ``margin``: how far inside it has to come back."""

    field: str
    low: float
    high: float
    margin: float = 0.0
    unit: str | None = None


class Is(_Lasting, frozen=True, kw_only=True, tag="is", tag_field="kind"):
    """A state, a text or a whole number that is one of ``values``."""

    field: str
    values: tuple[Value, ...]


class Rate(_Lasting, frozen=True, kw_only=True, tag="rate", tag_field="kind"):
    """A value that changes by more than ``above`` in ``per``, from one reading to the next.

    ``below``: by less than this (negative: falls faster). ``beyond``: in either direction. ``clear``: the rate to come
    back to (default: the limit; of ``beyond`` without sign).
    """

    field: str
    per: Span
    above: float | None = None
    below: float | None = None
    beyond: float | None = None
    clear: float | None = None
    unit: str | None = None


class Stuck(_Lasting, frozen=True, kw_only=True, tag="stuck", tag_field="kind"):
    """A value that does not change from reading to reading by more than ``tolerance``; ``for`` says how long."""

    field: str
    tolerance: float = 0.0


class Silence(_Part, frozen=True, kw_only=True, tag="silence", tag_field="kind"):
    """Nothing comes: of a device, of one of its fields, through a gateway, or from a whole source.

    ``after``: after this time; else after ``times`` times what is usual: by ``by``, the expected period of the device
    type or the device's own learnt cadence (the period, as long as none is learnt).
    """

    of: Literal["device", "gateway", "source"] = "device"
    field: str | None = None
    after: Span | None = None
    times: float = 3.0
    by: Literal["period", "cadence"] = "cadence"


class Circle(_Part, frozen=True, kw_only=True):
    """All places at most ``radius_m`` metres from a point (WGS 84 degrees)."""

    latitude: float
    longitude: float
    radius_m: float


class Geofence(_Lasting, frozen=True, kw_only=True, tag="geofence", tag_field="kind"):
    """A position outside (or, with ``inside``, inside) of a circle or of a polygon of (latitude, longitude)."""

    circle: Circle | None = None
    polygon: tuple[tuple[float, float], ...] = ()
    inside: bool = False
    latitude: str = "latitude_deg"
    longitude: str = "longitude_deg"


class Where(_Part, frozen=True, kw_only=True):
    """Which readings count: those whose field is above, below, or one of."""

    field: str
    above: float | None = None
    below: float | None = None
    values: tuple[Value, ...] = ()


class Group(_Lasting, frozen=True, kw_only=True, tag="group", tag_field="kind"):
    """A measure over all devices of a group, in windows of ``every``: the mean of a district, how many lamps are off.

    ``count`` and ``share`` (in percent) count devices: by their newest reading of the window, those which ``where``
    holds for, of all that said something. The others are of ``field``, over all readings of the window.
    """

    measure: Measure
    every: Span
    by: Literal["district", "experiment", "all"] = "district"
    field: str | None = None
    where: Where | None = None
    above: float | None = None
    below: float | None = None
    clear: float | None = None


class Usual(_Lasting, frozen=True, kw_only=True, tag="usual", tag_field="kind"):
    """The mean of an hour against the mean of the same local hours of ``weeks`` weeks before.

    Raised where it differs ``beyond`` (in the field's unit) or ``beyond_percent`` of the usual; needs two such hours.
    """

    field: str
    weeks: int = 4
    beyond: float | None = None
    beyond_percent: float | None = None


class Not(_Part, frozen=True, kw_only=True, tag="not", tag_field="kind"):
    """What is not so."""

    of: "Condition"


class All(_Part, frozen=True, kw_only=True, tag="all", tag_field="kind"):
    """Everything at the same time."""

    of: tuple["Condition", ...]


class AnyOf(_Part, frozen=True, kw_only=True, tag="any", tag_field="kind"):
    """One of these at least."""

    of: tuple["Condition", ...]


Leaf = Threshold | Range | Is | Rate | Stuck | Silence | Geofence | Group | Usual
Condition = Threshold | Range | Is | Rate | Stuck | Silence | Geofence | Group | Usual | All | AnyOf | Not


class Scope(_Part, frozen=True, kw_only=True):
    """Whom a rule watches: devices that fit in everything that is said; what is empty fits all.

    ``type`` and the others are lists of which one must fit; of ``tags`` all.
    """

    type: tuple[str, ...] = ()
    device: tuple[str, ...] = ()
    district: tuple[str, ...] = ()
    experiment: tuple[str, ...] = ()
    network: tuple[str, ...] = ()
    tags: dict[str, str] = {}


class Schedule(_Part, frozen=True, kw_only=True):
    """When a rule counts, in local time. ``sun``: by day or by night at the device's (else the city's) place.

    ``start`` to ``end`` as "22:00" (over midnight where ``end`` is earlier); ``days``: of the day it starts on.
    """

    sun: Literal["day", "night"] | None = None
    start: str | None = None
    end: str | None = None
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ()


class Escalation(_Part, frozen=True, kw_only=True):
    """Who hears of an alarm that nobody has acknowledged ``after`` it was told."""

    after: Span
    notify: tuple[str, ...]


class Rule(_Part, frozen=True, kw_only=True):
    """One alert rule. ``name`` is its key: lower case letters, digits and ``_ - . /``.

    ``text``: what an alarm says, with the placeholders of ``alerts.texts``. ``notify``: names of channels.
    ``simulated``: alarms of simulated devices are told to people, too (they are always recorded, and marked).
    """

    name: str
    title: Text
    when: Condition
    scope: Scope = Scope()
    severity: Severity = "warning"
    text: Text | None = None
    schedule: Schedule | None = None
    notify: tuple[str, ...] = ()
    escalate: tuple[Escalation, ...] = ()
    simulated: bool = False
    enabled: bool = True


_DECODER = msgspec.json.Decoder(Rule, dec_hook=decoded)
_ENCODER = msgspec.json.Encoder(enc_hook=encoded, order="deterministic")


def rule_of(said: object) -> Rule:
    """Return the rule that plain values (of TOML, of JSON) say; raise ``msgspec.ValidationError`` with the place."""
    return msgspec.convert(said, Rule, dec_hook=decoded)


def rule_from_json(text: bytes | str) -> Rule:
    """Return the rule of a JSON text; raise ``msgspec.ValidationError`` with the place."""
    return _DECODER.decode(text)


def rule_json(rule: Rule) -> bytes:
    """Return a rule as JSON; the same for the same rule."""
    return _ENCODER.encode(rule)


def plain(rule: Rule) -> dict[str, object]:
    """Return a rule as plain values, for TOML and JSON."""
    found: dict[str, object] = msgspec.to_builtins(rule, enc_hook=encoded)
    return found


def change(before: Rule | None, after: Rule) -> str:
    """Return what an audit calls the change of a rule: whoever switches it off changes nothing that it says."""
    if before is None:
        return "rule.added"
    if msgspec.structs.replace(before, enabled=after.enabled) == after and before.enabled != after.enabled:
        return "rule.switched_on" if after.enabled else "rule.switched_off"
    return "rule.changed"


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Yield the conditions that are joined, from left to right."""
    if isinstance(condition, Not):
        yield from leaves(condition.of)
    elif isinstance(condition, All | AnyOf):
        for one in condition.of:
            yield from leaves(one)
    else:
        yield condition
