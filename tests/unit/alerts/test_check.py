"""Promises of the check: what cannot work is refused, with its place and what to write instead."""

# ruff: noqa: E501  a case a line

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from alerts.check import Known, notes, problems
from model.device import DeviceType, Field, Kind, Text
from model.rule import Condition, Not, Rule, Threshold
from model.rule_text import rule_from
from model.said import in_language
from tests.unit.alerts.city import LAMP, member

NOTHING = Text(en="", fr="")


def of(name: str, kind: Kind = Kind.FLOAT, unit: str = "", **more: Any) -> Field:  # noqa: ANN401 -- of Field
    return Field(name=name, kind=kind, quantity="temperature", unit=unit, title=NOTHING, **more)


METER = replace(
    LAMP,
    name="vendor_meter",
    period=timedelta(minutes=15),
    fields=(
        of("volts", unit="V", minimum=207.0, maximum=253.0),
        of("amps", unit="A"),
        of("temperature_c", unit="Cel", minimum=-40.0, maximum=85.0),
        of("phase", Kind.TEXT, choices=("one", "two", "three")),
        of("faults", Kind.INT),
        of("open", Kind.BOOL),
    ),
)
TYPES: Mapping[str, DeviceType] = {LAMP.name: LAMP, METER.name: METER}
MEMBERS = [member(1), member(2), replace(member(3), id="70b3d50000000003", type=METER.name, network="lorawan")]
KNOWN = Known(types=TYPES, members=MEMBERS, channels=["team", "chief"])
FITS: dict[str, object] = {
    "title": {"en": "Too hot", "fr": "Trop chaud"},
    "scope": {"type": "vendor_meter"},
    "notify": "team",
}


def rule(when: Mapping[str, object], *, called: str = "one", **more: Any) -> Rule:  # noqa: ANN401 -- as people write it
    """Return a rule about meters, as people write it."""
    return rule_from(called, {**FITS, "when": when, **more})


def hot(**more: object) -> dict[str, object]:
    return {"field": "temperature_c", "above": 60, **more}


def in_french(found: Sequence[str]) -> None:
    """Check that each is said in French as well, at the same place."""
    for line in found:
        french = in_language(line, "fr")
        assert french != line
        assert french.partition(": ")[0] == line.partition(": ")[0]


CORNERS = [[48.4, -4.5], [48.41, -4.5], [48.41, -4.49]]
PLACED = {"scope": {"type": "vendor_lamp"}}


@pytest.mark.parametrize(
    ("when", "more"),
    [
        (hot(clear=50, unit="°C", **{"for": "15 min"}), {}),
        (hot(clear=50, unit="Cel", hold="1 h", clear_for="1 min"), {}),
        ({"field": "temperature_c", "below": -10, "clear": -8}, {}),
        ({"field": "volts", "low": 210, "high": 250, "margin": 20}, {}),
        ({"field": "volts", "low": 207, "high": 253, "flagged": True}, {}),
        ({"field": "phase", "values": ["one"]}, {}),
        ({"field": "faults", "values": [1, 2]}, {}),
        ({"field": "open", "values": [True]}, {"schedule": {"start": "22:00", "end": "06:00", "days": ["mon"]}}),
        ({"field": "amps", "per": "1 h", "beyond": 3, "clear": 1}, {}),
        ({"field": "amps", "per": "1 h", "below": -3, "clear": -1}, {}),
        ({"kind": "stuck", "field": "volts", "for": "6 h"}, {}),
        ({"kind": "silence", "after": "15 min"}, {}),
        ({"kind": "silence", "field": "amps", "times": 1.5}, {}),
        ({"kind": "silence", "of": "gateway", "after": "1 min"}, {"scope": {"device": "any"}}),
        ({"circle": {"latitude": 48.4, "longitude": -4.5, "radius_m": 50}}, PLACED),
        ({"polygon": CORNERS, "inside": True}, PLACED),
        ({"measure": "mean", "field": "amps", "every": "15 min", "above": 3, "clear": 2}, {}),
        ({"measure": "share", "where": {"field": "open", "values": [True]}, "every": "1 d", "above": 10}, {}),
        ({"field": "amps", "weeks": 2, "beyond": 3}, {}),
        ({"field": "amps", "beyond_percent": 30}, {}),
        ({"all": [hot(), {"any": [{"field": "open", "values": [True]}, {"not": {"kind": "silence"}}]}]}, {}),
        (hot(), {"escalate": {"after": "30 min", "notify": "chief"}, "text": {"en": "{value} {{", "fr": "{value}"}}),
        (hot(), {"schedule": {"start": "00:00", "end": "24:00"}, "scope": {"district": "north"}}),
    ],
)
def test_what_works_is_left_alone(when: Mapping[str, object], more: Mapping[str, Any]) -> None:
    """Every kind of condition has a form that nothing is wrong with."""
    assert problems(rule(when, **more), KNOWN) == []


PLAUSIBLE = "volts {} is outside of what is plausible (207 to 253 V), and flagged readings do not count"
LATE = "5 min is shorter than the period of vendor_meter, which speaks every 15 min; write"
COUNT = {"measure": "count", "where": {"field": "open", "values": [True]}, "every": "1 h"}
MEAN = {"measure": "mean", "field": "amps", "every": "1 h", "above": 3}
ROUND = {"latitude": 48.4, "longitude": -4.5}


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({"field": "tempertaure_c", "above": 6}, "when.field: 'tempertaure_c' is no field of vendor_meter; did you mean temperature_c?"),
        ({"field": "heat", "above": 6}, "when.field: 'heat' is no field of vendor_meter; "),
        ({"field": "open", "above": 6}, "when.field: open of vendor_meter is yes or no, no number; write values = [true]"),
        ({"field": "phase", "low": 1, "high": 2}, 'when.field: phase of vendor_meter is a text, no number; write values = ["one"]'),
        ({"field": "open", "per": "1 h", "above": 1}, "when.field: open of vendor_meter is yes or no"),
        ({"kind": "stuck", "field": "phase", "for": "1 h"}, "when.field: phase of vendor_meter is a text"),
        ({"field": "volts", "above": 0.25, "clear": 0.24, "unit": "kV"}, "when.unit: volts is in V; write above = 250 V, not 0.25 kV and clear = 240 V, not 0.24 kV"),
        ({"field": "temperature_c", "above": 140, "clear": 122, "unit": "°F"}, "when.unit: temperature_c is in °C; write above = 60 °C, not 140 °F and clear = 50 °C, not 122 °F"),
        ({"field": "temperature_c", "per": "1 h", "above": 18, "unit": "°F"}, "when.unit: temperature_c is in °C; write above = 10 °C, not 18 °F"),
        ({"field": "volts", "above": 2, "unit": "m"}, "when.unit: volts is in V, which 'm' cannot be turned into"),
        ({"field": "faults", "above": 2, "unit": "%"}, "when.unit: faults has no unit; leave it out"),
        ({"kind": "threshold", "field": "amps"}, "when: has no limit; write above or below"),
        ({"field": "amps", "above": 3, "below": 1}, "when.below: stands beside above; write a range (low and high), or two rules"),
        ({"field": "amps", "per": "1 h"}, "when: has no limit; write above or below or beyond"),
        (hot(clear=61), "when.clear: 61 lies above the limit; write 60 or less: it ends below it"),
        ({"field": "amps", "below": 1, "clear": 0.5}, "when.clear: 0.5 lies below the limit; write 1 or more: it ends above it"),
        ({"field": "amps", "per": "1 h", "beyond": 1, "clear": -1}, "when.clear: -1 is never reached"),
        ({"field": "volts", "low": 240, "high": 220}, "when.low: 240 is not below high (220); exchange them"),
        ({"field": "volts", "low": 220, "high": 240, "margin": 11}, "when.margin: 11 leaves nothing of the range to come back to; write at most 10"),
        ({"field": "volts", "above": 253}, f"when.above: is never reached: {PLAUSIBLE.format('above 253 V')}; write flagged = true"),
        ({"field": "volts", "below": 207}, f"when.below: is never reached: {PLAUSIBLE.format('below 207 V')}; write flagged = true"),
        ({"field": "volts", "low": 207, "high": 253}, f"when.high: is never reached: {PLAUSIBLE.format('above 253 V')}; write flagged = true"),
        (hot(clear=-50), "when.clear: is never reached, so an alarm would not end: -50 °C is outside"),
        (hot(**{"for": "5 min"}), f'when.for: {LATE} for = "15 min" or more, or leave it out'),
        (hot(hold="5 min"), f'when.hold: {LATE} hold = "15 min" or more'),
        ({**MEAN, "every": "5 min"}, f'when.every: {LATE} every = "15 min" or more'),
        ({"kind": "silence", "after": "5 min"}, f'when.after: {LATE} after = "15 min" or more, or leave it out'),
        ({"kind": "stuck", "field": "volts"}, "when.for: is missing; write for how long"),
        ({"kind": "stuck", "field": "volts", "for": "1 h", "tolerance": -1}, "when.tolerance: is negative"),
        (hot(repeat=0), "when.repeat: 0 readings are none; write 1 or more"),
        ({**MEAN, "every": "7 h"}, "when.every: 7 h does not divide a day"),
        ({**MEAN, "every": "2 d"}, "when.every: 2 d does not divide a day"),
        ({**MEAN, "field": "open"}, "when.field: open of vendor_meter is yes or no, no number"),
        ({**MEAN, "for": "30 min"}, "when.for: 30 min is shorter than a window (1 h)"),
        ({**MEAN, "where": {"field": "amps", "above": 3}}, "when.where: is for count and share; leave it out of a mean"),
        ({"measure": "mean", "every": "1 h", "above": 1}, "when.field: is missing; write of which field the mean is"),
        ({"measure": "count", "every": "1 h", "above": 1}, "when.where: is missing; write which devices the count is of"),
        ({**COUNT, "field": "amps", "above": 1}, "when.field: a count is of devices"),
        ({**COUNT, "measure": "share", "above": 100}, "when.above: 100 makes no sense as a limit: a share is from 0 to 100 %"),
        ({**COUNT, "above": 1, "where": {"field": "open"}}, "when.where: write one of above, below or values"),
        ({**COUNT, "above": 1, "where": {"field": "gone", "above": 1}}, "when.where.field: 'gone' is no field of vendor_meter"),
        ({"circle": {**ROUND, "radius_m": 0}, "latitude": "amps", "longitude": "volts"}, "when.circle.radius_m: is not above 0"),
        ({"kind": "geofence", "latitude": "amps", "longitude": "volts"}, "when: write either circle or polygon"),
        ({"circle": {**ROUND, "radius_m": 5}, "polygon": CORNERS}, "when: write either circle or polygon, not both"),
        ({"polygon": CORNERS[:2]}, "when.polygon: has 2 corners; write at least 3 different ones"),
        ({"polygon": [*CORNERS, [48, 300]]}, "when.polygon[3]: (48, 300) is no place; write degrees"),
        ({"circle": {"latitude": -120, "longitude": 48, "radius_m": 5}}, "when.circle: (-120, 48) is no place; exchange the two"),
        ({"polygon": CORNERS}, "when.latitude: 'latitude_deg' is no field of vendor_meter; "),
        ({"kind": "silence", "of": "gateway", "field": "amps"}, "when.field: a gateway has no fields"),
        ({"kind": "silence", "of": "source"}, "scope.type: a source has none; name sources in scope.device"),
        ({"kind": "silence", "times": 1.2}, "when.times: 1.2 would call every small delay a silence; write 1.5 or more"),
        ({"field": "amps", "weeks": 4}, "when: has no limit; write beyond or beyond_percent"),
        ({"field": "amps", "weeks": 9, "beyond": 1}, "when.weeks: 9 is not from 2 to 8"),
        ({"field": "amps", "weeks": 2, "beyond": 0}, "when.beyond: 0 is no difference"),
        ({"field": "amps", "values": [1]}, "when.field: amps of vendor_meter is a measured number, which is hardly ever exactly so"),
        ({"field": "phase", "values": ["tow"]}, "when.values: 'tow' is no value of phase of vendor_meter; did you mean two?"),
        ({"field": "open", "values": [1]}, "when.values: 1 is no value of open of vendor_meter; write true or false"),
        ({"field": "faults", "values": [True]}, "when.values: true is no value of faults of vendor_meter; write whole numbers"),
        ({"field": "open", "values": []}, "when.values: is empty"),
        ({"all": []}, "when.of: is empty; write at least one condition"),
        ({"all": [hot(), {"any": [hot(clear=70)]}]}, "when.of[1].of[0].clear: 70 lies above the limit"),
        ({"not": hot(clear=70)}, "when.of.clear: 70 lies above the limit"),
        ({"all": [hot(), MEAN]}, "when.of[1]: a measure over a group cannot be joined with other conditions"),
        ({"not": {"field": "amps", "weeks": 2, "beyond": 1}}, "when.of: a comparison with weeks before cannot be joined"),
        ({"any": [{"kind": "silence", "of": "source"}]}, "when.of[0]: the silence of a source cannot be joined with others"),
        ({"all": [hot() for _ in range(51)]}, "when: has 51 conditions, more than 50"),
        ({"field": "amps", "above": float("inf")}, "when.above: is not finite; write a number"),
        ({"polygon": [[float("nan"), 1], *CORNERS]}, "when.polygon[0][0]: is not finite"),
    ],
)  # fmt: skip
def test_a_condition_that_cannot_work_says_what_to_write(when: Mapping[str, object], said: str) -> None:
    """Each problem begins with its place, names what is wrong and ends with what would be right."""
    found = problems(rule(when), KNOWN)

    assert [one for one in found if one.startswith(said)], found
    in_french(found)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"title": {"en": " ", "fr": "x"}}, "title.en: is empty"),
        ({"text": {"en": "{valeu}", "fr": "x"}}, "text.en: {valeu} is no placeholder; did you mean {value}?"),
        ({"text": {"en": "x", "fr": ""}}, "text.fr: is empty"),
        ({"scope": {"type": "vendor_metre"}}, "scope.type[0]: there is no device type 'vendor_metre'; did you mean vendor_meter"),
        ({"scope": {"district": ["north", "sooth"]}}, "scope.district[1]: there is no district 'sooth'; did you mean south or north?"),
        ({"scope": {"device": "70-B3-D5-00-00-00-00-03"}}, "scope.device[0]: there is no device '70-B3-D5-00-00-00-00-03'; write 70b3d50000000003"),
        ({"scope": {"network": "lora"}}, "scope.network[0]: there is no network 'lora'; did you mean lorawan?"),
        ({"notify": ["team", "cheif"]}, "notify[1]: there is no channel 'cheif'; did you mean chief?"),
        ({"notify": [], "escalate": [{"after": "1 h", "notify": ["chief"]}]}, "escalate: nobody is told in the first place"),
        ({"escalate": [{"after": "1 h", "notify": []}]}, "escalate[0].notify: is empty"),
        ({"escalate": [{"after": "0 s", "notify": "chef"}]}, "escalate[0].after: is no time"),
        ({"escalate": [{"after": "1 h", "notify": "chef"}]}, "escalate[0].notify[0]: there is no channel 'chef'; did you mean chief?"),
        ({"schedule": {}}, "schedule: says nothing"),
        ({"schedule": {"start": "22:00"}}, "schedule.end: is missing; write end beside start"),
        ({"schedule": {"end": "22:00"}}, "schedule.start: is missing; write start beside end"),
        ({"schedule": {"start": "25:00", "end": "6"}}, "schedule.start: '25:00' is no time of the day"),
        ({"schedule": {"start": "06:00", "end": "6:00"}}, "schedule.end: is the start"),
    ],
)  # fmt: skip
def test_what_stands_around_a_condition_is_checked_too(more: Mapping[str, Any], said: str) -> None:
    """Titles, texts, whom it watches, whom it tells and when it counts: each with its place."""
    found = problems(rule(hot(), **more), KNOWN)

    assert [one for one in found if one.startswith(said)], found
    in_french(found)


@pytest.mark.parametrize("name", ["", "Hot", "hot lamp", "x" * 101, "é", "a\nb"])
def test_a_name_is_one_that_files_addresses_and_topics_can_hold(name: str) -> None:
    """Lower case letters, digits and ``_ - . /``, a hundred at most."""
    [problem] = problems(rule(hot(), called=name), KNOWN)

    assert problem.startswith("name: ")


def test_conditions_nested_too_deep_are_refused_however_deep() -> None:
    """Nine levels are refused as well as a thousand, without a crash."""
    when: Condition = Threshold(field="amps", above=1.0)
    for depth in range(300):
        when = Not(of=when)
        if depth in (7, 299):
            found = problems(Rule(name="deep", title=Text(en="x", fr="x"), when=when), KNOWN)
            assert found == ["when: conditions are nested deeper than 8 levels; write two rules instead"]


def test_a_rule_that_works_for_one_type_in_its_reach_works() -> None:
    """What it says in vain for another type is a note that names it; silences that would never end are refused."""
    both = {"type": ["vendor_meter", "vendor_lamp"]}
    other = replace(METER, name="other_meter", period=timedelta(hours=3))
    known = Known(types={**TYPES, other.name: other}, members=MEMBERS, channels=["team"])
    wide = {"type": ["vendor_meter", "other_meter"]}

    lacking = rule(hot(), scope=both)
    slow = rule(hot(**{"for": "1 h"}), scope=wide)
    silent = rule({"kind": "silence", "after": "1 h"}, scope=wide)
    mean = rule(MEAN, scope=wide)

    assert problems(lacking, KNOWN) == []
    assert notes(lacking, KNOWN) == ["scope.type: vendor_lamp lacks temperature_c: such devices are not watched"]
    assert problems(slow, known) == []
    [note] = notes(slow, known)
    assert note.startswith("when.for: 1 h is shorter than the period of other_meter, which speaks every 3 h")
    assert note.endswith("(device types: other_meter; it works for the others)")
    assert [one.split(";")[0] for one in problems(silent, known)] == [
        "when.after: 1 h is shorter than the period of other_meter, which speaks every 3 h"
    ]
    assert problems(mean, known)[0].startswith(
        "scope.type: a measure over a group is of one device type, and here are 2"
    )


def test_that_nothing_fits_now_is_no_problem() -> None:
    """A rule may wait for devices; who writes it is told, and so is that nobody would be."""
    empty = Known(types=TYPES, channels=["team"])
    waiting = rule(hot(), scope={"type": "vendor_meter", "district": "west"}, notify=[], enabled=False)
    simulated = Known(types=TYPES, members=[replace(MEMBERS[2], simulated=True)], channels=["team"])

    assert problems(waiting, empty) == []
    assert notes(waiting, empty) == [
        "scope.district[0]: no registered device has a district, so 'west' cannot be checked",
        "enabled: the rule is switched off",
        "notify: names no channel: alarms are recorded and shown, nobody is told",
        "scope: no registered device fits now; the rule waits for one",
    ]
    assert notes(rule(hot()), simulated) == [
        "simulated: all devices that fit (1) are simulated: nobody is told; write simulated = true"
    ]


def test_fields_that_no_type_has_together_are_refused() -> None:
    """Each field exists, but no device says both."""
    both = rule({"all": [hot(), {"field": "lit", "values": [True]}]}, scope={})

    assert problems(both, KNOWN) == [
        "when: no device type in scope has all of lit, temperature_c; write a rule for each"
    ]
