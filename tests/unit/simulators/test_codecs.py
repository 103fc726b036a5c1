"""Devices whose payloads a codec reads can be simulated: from their ranges, or by the examples of their files."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from decoders.device import Definition
from decoders.networks import adapters
from model.errors import ConfigError
from model.uplink import Uplink
from simulators.fleet import Sending, of_type

NOW = datetime(2026, 11, 22, 17, 30, 7, tzinfo=UTC).timestamp()
HOUR_S = 3600.0

HEAD = """
title = { en = "Lab soil", fr = "Sol du labo" }
vendor = "Lab"
model = "Soil"
domain = "environment"
networks = ["NETWORK"]
period = "15 min"
source = "the lab's own script"

[codec]
CODEC

[field.temperature_c]
path = "TEMPERATURE"
kind = "float"
quantity = "temperature"
range = [-20, 50]
"""

EXAMPLES = """
[[example]]
name = "mild"
f_port = 2
payload = "04b0"
values = { temperature_c = 12.0 }

[[example]]
name = "warm"
f_port = 2
payload = "0834"
values = { temperature_c = 21.0 }

[[example]]
name = "on its other port"
f_port = 7
payload = "01"
values = { temperature_c = 1.0 }

[[example]]
name = "says nothing of ours"
f_port = 3
payload = "ff"
values = {}

[[example]]
name = "too short"
f_port = 2
payload = "04"
error = "bytes"
"""

HANGS = "function decodeUplink(input) { for (;;) {} }"


def typed(codec: str, more: str = "", *, network: str = "lorawan", path: str = "temperature") -> Definition:
    """Return a device type with such a codec; its script, if it has one, must never be run here."""
    text = HEAD.replace("NETWORK", network).replace("CODEC", codec).replace("TEMPERATURE", path)
    return Definition.read("lab_soil", text + more, lambda _: HANGS)


def uplinks(sendings: Sequence[Sending]) -> list[Uplink]:
    """Return the uplinks that our adapters find in what is sent."""
    found: list[Uplink] = []
    for sending in sendings:
        told = adapters()[sending.event.source].uplinks(sending.event.topic, sending.event.payload)
        found += [one for one in told if isinstance(one, Uplink)]
    return found


def test_a_script_is_never_run_to_simulate_its_devices() -> None:
    """Devices with a script send the examples that promise values, on their ports, marked, with times and counters."""
    fleet = of_type(typed('script = "soil.js"', EXAMPLES), 4, seed=3)
    sendings = fleet.live(NOW, NOW + HOUR_S)
    said = uplinks(sendings)

    assert len(said) == 4 * 4
    assert {(one.f_port, one.payload) for one in said} == {(2, b"\x04\xb0"), (2, b"\x08\x34"), (7, b"\x01")}
    assert all(one.simulated for one in said)
    for sending, one in zip(sendings, said, strict=True):
        assert one.time is not None
        assert one.time.timestamp() == pytest.approx(sending.at, abs=1e-3)
    counters = {one.device: [other.f_cnt for other in said if other.device == one.device] for one in said}
    for found in counters.values():
        assert found == list(range(found[0] or 0, (found[0] or 0) + 4))


def test_examples_are_sent_in_turn_from_another_one_on_each_device() -> None:
    """A device goes through all examples again and again; at one moment, devices are not all at the same one."""
    said = uplinks(of_type(typed('script = "soil.js"', EXAMPLES), 3, seed=3).live(NOW, NOW + 3 * HOUR_S))
    by_device: dict[str, list[bytes | None]] = {}
    for one in said:
        by_device.setdefault(one.device, []).append(one.payload)

    assert {payloads[0] for payloads in by_device.values()} == {b"\x04\xb0", b"\x08\x34", b"\x01"}
    for payloads in by_device.values():
        assert set(Counter(payloads).values()) == {4}
        assert payloads[:3] == payloads[3:6]


def test_the_past_and_the_first_moment_are_told_by_examples_too() -> None:
    """History and what is switched on use all examples, not the first alone."""
    fleet = of_type(typed('script = "soil.js"', EXAMPLES), 6, seed=3)

    past = uplinks(fleet.history(NOW - 24 * HOUR_S, NOW, now=NOW))
    first = uplinks([*fleet.switched_on(NOW), *fleet.live(NOW, NOW + 8)])

    assert len(past) > 6 * 20
    assert len({one.payload for one in past}) == 3
    assert len({one.device for one in first}) == 6
    assert len({one.payload for one in first}) > 1


def test_examples_with_a_time_of_their_own_are_left_out_where_there_are_others() -> None:
    """Replayed, they would tell the same past moment for ever; alone, they are better than nothing."""
    timed = EXAMPLES.replace("{ temperature_c = 12.0 }", "{ temperature_c = 12.0, time = 2026-01-01T00:00:00Z }")
    with_others = uplinks(of_type(typed('script = "soil.js"', timed), 2, seed=3).live(NOW, NOW + HOUR_S))
    alone = timed.partition('[[example]]\nname = "warm"')[0]
    only = uplinks(of_type(typed('script = "soil.js"', alone), 2, seed=3).live(NOW, NOW + HOUR_S))

    assert {one.payload for one in with_others} == {b"\x08\x34", b"\x01"}
    assert {one.payload for one in only} == {b"\x04\xb0"}


def test_without_an_example_the_error_says_to_add_one() -> None:
    """A script that promises nothing cannot be simulated; the error names the type and what it needs."""
    failing = EXAMPLES[EXAMPLES.index('[[example]]\nname = "too short"') :]
    for examples in ("", failing):
        with pytest.raises(ConfigError, match=r"lab_soil: .*give the file an \[\[example\]\] that decodes"):
            of_type(typed('script = "soil.js"', examples), 2)


@pytest.mark.parametrize(
    ("codec", "network", "path"),
    [
        ('format = "cayenne"', "lorawan", "temperature_3"),
        ('format = "cayenne"\nkeys = "nested"', "lorawan", "temperatureSensor.3"),
        ('format = "json"', "lorawan", "soil.temperature"),
        ('format = "cbor"', "lorawan", "soil.0"),
        ('format = "senml"\nencoding = "cbor"', "lorawan", "t"),
        ('format = "sigfox"\ngrammar = "t::float:32"', "sigfox", "t"),
    ],
)
def test_a_format_that_can_be_written_speaks_within_its_ranges(codec: str, network: str, path: str) -> None:
    """Without any example: values wander through the range of the file, and decode as any device's."""
    definition = typed(codec, network=network, path=path)
    said = uplinks(of_type(definition, 3, seed=2).live(NOW, NOW + 5 * HOUR_S))

    assert len(said) == 3 * 20
    found = set()
    for one in said:
        assert one.payload is not None
        (record,) = definition.decode(one.payload, f_port=one.f_port).records
        value = record.values["temperature_c"]
        assert isinstance(value, float)
        assert -20.1 <= value <= 50.1
        found.add(value)
    assert len(found) > 30


def test_examples_of_a_format_show_which_values_go_together() -> None:
    """A format's examples are patterns: their ports and fields are used, their values moved."""
    more = """
[field.battery_v]
path = "analog_in_1"
kind = "float"
quantity = "voltage"

[[example]]
name = "temperature alone"
f_port = 4
payload = "03670078"
values = { temperature_c = 12.0 }
"""
    definition = typed('format = "cayenne"', more, path="temperature_3")
    said = uplinks(of_type(definition, 3, seed=2).live(NOW, NOW + 12 * HOUR_S))
    fields = Counter(
        (one.f_port, *definition.decode(one.payload or b"", f_port=one.f_port).records[0].values) for one in said
    )

    assert set(fields) == {(4, "temperature_c"), (1, "temperature_c", "battery_v")}


def test_a_format_that_can_only_be_read_replays_its_examples() -> None:
    """Where fields share bits nothing can be written, so what the examples say is said again."""
    examples = """
[[example]]
name = "mild"
payload = "4140 0000"
values = { temperature_c = 12.0 }
"""
    overlapping = typed(
        'format = "sigfox"\ngrammar = "t::float:32 first:0:uint:8"', examples, network="sigfox", path="t"
    )
    said = uplinks(of_type(overlapping, 2, seed=2).live(NOW, NOW + HOUR_S))

    assert len(said) == 8
    assert {one.payload for one in said} == {bytes.fromhex("41400000")}
    assert all(one.simulated for one in said)
