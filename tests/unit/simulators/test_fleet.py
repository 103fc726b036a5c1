"""Every device of the catalogue can be simulated, and what it says is what was true."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache

import numpy as np
import pytest

from decoders.catalogue import Catalogue
from decoders.device import Definition
from decoders.networks import adapters
from model.device import Device
from model.uplink import Uplink
from simulators.faults import Faults
from simulators.fleet import Fleet, Sending, city, of_type
from simulators.world import World

CATALOGUE = Catalogue.builtin()
NOW = datetime(2026, 11, 22, 17, 30, 7, tzinfo=UTC).timestamp()
DAY_S = 86_400.0
CITY = {
    "penfeld_streetlight": "chirpstack",
    "penfeld_gridmeter": "thethingsstack",
    "penfeld_tramunit": "native",
    "penfeld_binsensor": "sigfox",
    "penfeld_watermeter": "sigfox",
}


def uplink(sending: Sending) -> Uplink:
    """Return the one uplink that our adapters find in what is sent."""
    found = adapters()[sending.event.source].uplinks(sending.event.topic, sending.event.payload)
    (frame,) = (one for one in found if isinstance(one, Uplink))
    return frame


@cache
def fleet_of(name: str) -> Fleet:
    """Return three devices of a type; making them costs more than asking them."""
    return of_type(CATALOGUE[name], 3, seed=2)


@cache
def small_city(*, faults: Faults | None = None, speed: float = 1.0) -> Fleet:
    """Return a city of a few devices of each kind."""
    return city(CATALOGUE, seed=5, lamps=8, meters=8, sigfox=4, trams=3, faults=faults, speed=speed)


def bodies(sendings: Iterable[Sending]) -> list[tuple[float, str, bytes]]:
    """Return what is sent as plain values."""
    return [(sending.at, sending.event.topic, sending.event.payload) for sending in sendings]


BOARD = """
title = { en = "Lab board", fr = "Carte de labo" }
vendor = "Example"
model = "Board"
domain = "environment"
networks = ["native"]
period = "1 min"
source = "a school"

[field.temperature_c]
quantity = "temperature"
kind = "float"
range = [-40, 85]

[field.visitor_count]
quantity = "count"
kind = "int"

[field.door_open]
quantity = "state"
kind = "bool"
"""


def test_a_type_without_a_layout_speaks_json() -> None:
    """Its frames carry time and values by name, inside the ranges, live and of the past."""
    definition = Definition.read("lab_board", BOARD)
    fleet = of_type(definition, 3, seed=2)
    said = [uplink(one) for one in [*fleet.live(NOW, NOW + 300), *fleet.history(NOW - DAY_S, NOW, now=NOW)]]
    assert len(said) > 3 * 5 + 3 * 20
    for one in said:
        assert one.simulated
        assert one.time is not None
        record = definition.record_of(one.values or {})
        assert set(record.values) == {"temperature_c", "visitor_count", "door_open"}
        temperature = record.values["temperature_c"]
        assert isinstance(temperature, float)
        assert -40 <= temperature <= 85
    assert len({one.values["temperature_c"] for one in said if one.values}) > len(said) // 2


def test_what_is_switched_on_reports_soon() -> None:
    """In the seconds after it is switched on, each device speaks once: by itself, or because it was switched on."""
    fleet = small_city()
    told = [*fleet.switched_on(NOW), *fleet.live(NOW, NOW + 8)]
    spoke = Counter(uplink(sending).device for sending in told)
    assert set(spoke) == {device.id for device in fleet.devices()}
    assert {count for device, count in spoke.items() if not device.startswith("tramunit")} == {1}
    assert all(NOW <= sending.at <= NOW + 8 for sending in told)


@pytest.mark.parametrize("name", CATALOGUE.names())
def test_every_type_of_the_catalogue_can_be_simulated(name: str) -> None:
    """Frames of any type come over one of its networks, decode without warning, and are marked as simulated."""
    definition = CATALOGUE[name]
    fleet = fleet_of(name)
    period = definition.type.period.total_seconds()
    sendings = fleet.live(NOW, NOW + 13 * period)
    assert len(sendings) == 39
    ids = {device.id for device in fleet.devices()}
    assert len(ids) == 3
    for sending in sendings:
        found = uplink(sending)
        assert found.simulated
        assert found.device in ids
        assert found.payload is not None
        decoded = definition.decode(found.payload, f_port=found.f_port)
        assert decoded.records


@pytest.mark.parametrize("name", CATALOGUE.names())
def test_what_is_said_can_be_said_again(name: str) -> None:
    """Decoding a simulated frame and encoding the result gives a payload of the same meaning."""
    definition = CATALOGUE[name]
    for sending in fleet_of(name).live(NOW, NOW + 13 * definition.type.period.total_seconds()):
        found = uplink(sending)
        assert found.payload is not None
        decoded = definition.decode(found.payload, f_port=found.f_port)
        if len(decoded.records) > 1:
            continue  # the layout's own words, a step say, are no values
        derived = next(frame.derived for frame in definition.frames if frame.name == decoded.frame)
        record = decoded.records[0]
        values = {key: value for key, value in record.values.items() if key not in derived}
        if record.time_us is not None:
            values["time"] = record.time_us / 1e6
        again = definition.encode(values, frame=decoded.frame, f_port=found.f_port)
        assert definition.decode(again.payload, f_port=found.f_port).records == decoded.records


@pytest.mark.parametrize("name", [name for name in CATALOGUE.names() if name not in CITY])
def test_types_without_a_model_move_within_their_ranges(name: str) -> None:
    """Numbers stay within the plausible range, or what the example shows, and something changes over a month."""
    definition = CATALOGUE[name]
    period = definition.type.period.total_seconds()
    shown = _shown(definition)
    seen: dict[str, set[object]] = {}
    fleet = fleet_of(name)
    sendings = [s for k in range(20) for s in fleet.live(NOW + k * 40 * period, NOW + (k * 40 + 1) * period)]
    for sending in sendings:
        found = uplink(sending)
        assert found.payload is not None
        for record in definition.decode(found.payload, f_port=found.f_port).records:
            for key, value in record.values.items():
                seen.setdefault(key, set()).add(value)
                field = definition.type.field(key)
                assert field is not None
                if isinstance(value, int | float) and field.minimum is not None and field.maximum is not None:
                    slack = 0.02 * (field.maximum - field.minimum)
                    inside = field.minimum - slack <= value <= field.maximum + slack
                    assert inside or value in shown.get(key, ()) or key in _derived(definition), (key, value)
    assert any(len(values) > 3 for values in seen.values()) or any(len(values) > 1 for values in seen.values())


def _shown(definition: Definition) -> dict[str, set[object]]:
    shown: dict[str, set[object]] = {}
    for example in definition.examples:
        for record in example.records:
            for key, value in record.values.items():
                shown.setdefault(key, set()).add(value)
    return shown


def _derived(definition: Definition) -> set[str]:
    return {name for frame in definition.frames for name in frame.derived}


TOLERANCES = {
    "latitude_deg": 1e-7, "longitude_deg": 1e-7, "energy_kwh": 0.006, "energy_import_kwh": 0.006,
    "energy_export_kwh": 0.006, "energy_consumed_kwh": 0.006, "energy_recovered_kwh": 0.006, "volume_m3": 6e-4,
    "flow_m3h": 6e-4, "frequency_hz": 6e-4, "power_w": 0.13, "since_emptied_s": 31.0, "lamp_hours_h": 0.51,
    "dimming_percent": 0.51, "fill_level_percent": 0.51, "state_of_charge_percent": 0.26, "reactive_power_var": 0.51,
    "driver_temperature_c": 0.51, "temperature_c": 0.26, "occupancy_count": 0.0, "door_cycles_count": 0.0,
    "stop_index": 0.0,
}  # fmt: skip


@pytest.mark.parametrize("name", CITY)
def test_frames_say_what_is_true(name: str) -> None:
    """Live and remembered frames of our devices decode to the world's values at their time, within their resolution."""
    definition = CATALOGUE[name]
    fleet = of_type(definition, 6, seed=4)
    world = World(4).things(name, 6)
    number = {device.id: position for position, device in enumerate(fleet.devices())}
    period = definition.type.period.total_seconds()
    sendings = [*fleet.live(NOW, NOW + 14 * period), *fleet.history(NOW - 4 * 3600, NOW, now=NOW), *fleet.memory(NOW)]
    logs = 0  # Sigfox tells whole seconds: what was true in that second
    for sending in sendings:
        found = uplink(sending)
        assert found.payload is not None
        decoded = definition.decode(found.payload, f_port=found.f_port)
        logs += len(decoded.records) > 1
        for record in decoded.records[:: 1 + len(decoded.records) // 20]:
            sent = found.time.timestamp() if found.time is not None else 0.0
            at = (sent if record.time_us is None else record.time_us / 1e6) - record.age_us / 1e6
            who = np.array([number[found.device]])
            near = [
                world.values(who, np.array([at + shift]))
                for shift in ((0.0, 1.0) if found.network == "sigfox" else (0.0,))
            ]
            for key, value in record.values.items():
                true = [one[key].tolist()[0] for one in near]
                if value is None:
                    assert true[0] != true[0], key  # NaN: not known
                elif isinstance(value, bool | str):
                    assert value in true, key
                else:
                    slack = TOLERANCES.get(key, 0.06)
                    assert min(true) - slack <= value <= max(true) + slack, (key, value, true)
    has_log = any(frame.log is not None for frame in definition.frames)
    assert (logs > 0) == has_log


def test_the_same_seed_sends_the_same_city() -> None:
    """Two fleets of one seed send the same bytes at the same moments; another seed has other devices."""
    one, other = small_city(), small_city.__wrapped__()
    assert bodies(one.live(NOW, NOW + 100)) == bodies(other.live(NOW, NOW + 100))
    assert bodies(one.history(NOW - 3600, NOW, now=NOW)) == bodies(other.history(NOW - 3600, NOW, now=NOW))
    assert one.devices() == other.devices()
    stranger = city(CATALOGUE, seed=6, lamps=8, meters=8, sigfox=4, trams=3)
    assert not {device.id for device in one.devices() if device.network != "native"} & {
        d.id for d in stranger.devices()
    }


@pytest.mark.parametrize("faults", ["", "loss=0.1,duplicates=0.1,corrupt=0.1,late=0.2,stuck=0.1,drift=3,battery=0.2"])
def test_slices_make_the_whole(faults: str) -> None:
    """Asked in slices of a second or all at once, the same frames leave, in order of time within each answer."""
    fleet = small_city(faults=Faults.parse(faults))
    whole = fleet.live(NOW, NOW + 200)
    slices = [sending for second in range(200) for sending in fleet.live(NOW + second, NOW + second + 1)]
    assert sorted(bodies(whole)) == sorted(bodies(slices))
    assert [sending.at for sending in whole] == sorted(sending.at for sending in whole)
    past = fleet.history(NOW - 7200, NOW, now=NOW)
    parts = [s for k in range(72) for s in fleet.history(NOW - 7200 + k * 100, NOW - 7100 + k * 100, now=NOW)]
    assert sorted(bodies(past)) == sorted(bodies(parts))


def test_the_default_city_speaks_over_four_networks() -> None:
    """300 lamps, 80 meters, 40 Sigfox sensors and 20 trams have names, places and districts, each on its network."""
    devices = city(CATALOGUE).devices()
    assert Counter(device.network for device in devices) == {
        "chirpstack": 300,
        "thethingsstack": 80,
        "sigfox": 40,
        "native": 20,
    }
    assert len({device.id for device in devices}) == 440
    for device in devices:
        assert isinstance(device, Device)
        assert device.simulated
        assert device.name
        assert device.district
        assert device.latitude is not None
        assert 48.37 < device.latitude < 48.44
        assert device.longitude is not None
        assert -4.57 < device.longitude < -4.43
    assert len({device.district for device in devices}) == 7


def test_speed_divides_the_periods() -> None:
    """At ten times the speed lamps and meters speak ten times as often; trams, once a second, do not."""
    slow, fast = (
        Counter(sending.event.source for sending in small_city(speed=speed).live(NOW, NOW + 900))
        for speed in (1.0, 10.0)
    )
    assert slow["chirpstack"] == 8
    assert fast["chirpstack"] == 80
    assert slow["thethingsstack"] == 24
    assert fast["thethingsstack"] == 240
    assert slow["native"] == fast["native"] == 2700


def test_a_day_of_history_is_affordable_and_complete() -> None:
    """24 hours of the default city are at most 20,000 messages; every lamp has a reading each quarter of an hour."""
    fleet = city(CATALOGUE, lamps=300, meters=80, sigfox=40, trams=0)
    count = sum(len(fleet.history(NOW - k * 3600, NOW - (k - 1) * 3600, now=NOW)) for k in (20, 8, 1)) * 8
    trams = city(CATALOGUE, lamps=0, meters=0, sigfox=0, trams=2)
    count += len(trams.history(NOW - DAY_S, NOW, now=NOW)) * 10
    assert count + 420 < 20_000
    lamps = of_type(CATALOGUE["penfeld_streetlight"], 4, seed=2)
    times: dict[str, set[float]] = {}
    for sending in (*lamps.history(NOW - DAY_S, NOW, now=NOW), *lamps.memory(NOW)):
        found = uplink(sending)
        assert found.payload is not None
        assert found.time is not None
        assert sending.at <= NOW
        for record in CATALOGUE["penfeld_streetlight"].decode(found.payload, f_port=found.f_port).records:
            if found.f_port == 2:
                times.setdefault(found.device, set()).add(found.time.timestamp() - record.age_us / 1e6)
    assert len(times) == 4
    for moments in times.values():
        ordered = sorted(moments)
        assert len(ordered) >= 96
        assert set(np.diff(ordered)) == {900.0}
        assert NOW - ordered[-1] < 900.0


def test_frame_counters_tell_frames_apart() -> None:
    """No two frames of a device within an hour have the same counter, port and content, live and past together."""
    fleet = city(CATALOGUE, seed=5, lamps=8, meters=8, sigfox=8, trams=0)
    sendings = [*fleet.history(NOW - 7200, NOW, now=NOW), *fleet.memory(NOW), *fleet.live(NOW, NOW + 7200)]
    frames = [uplink(sending) for sending in sendings]
    arrived = datetime.fromtimestamp(NOW, UTC)
    assert len({frame.frame_key(arrived) for frame in frames}) == len(frames)


def test_faults_are_counted() -> None:
    """What was lost, repeated, damaged and held back is told, and adds up with what is sent."""
    plain, faulty = small_city(), small_city(faults=Faults.parse("loss=0.1,duplicates=0.2,corrupt=0.1,late=0.2"))
    spoken, sent = plain.live(NOW, NOW + 900), faulty.live(NOW, NOW + 900)
    tally = faulty.tally
    assert len(sent) == len(spoken) - tally["lost"] + tally["repeated"]
    assert tally["lost"] == pytest.approx(0.1 * len(spoken), rel=0.2)
    assert tally["repeated"] == pytest.approx(0.18 * len(spoken), rel=0.2)
    assert tally["corrupted"] > 0
    assert tally["late"] > 0


def test_a_repeated_frame_is_the_same_frame() -> None:
    """A second copy has the key of the first, though ChirpStack gives it a new message id."""
    fleet = city(CATALOGUE, lamps=5, meters=5, sigfox=4, trams=0, faults=Faults.parse("duplicates=1"))
    sent = fleet.live(NOW, NOW + 3600)
    keys = Counter(uplink(sending).frame_key(datetime.fromtimestamp(NOW, UTC)) for sending in sent)
    assert set(keys.values()) == {2}
    lorawan = [sending.event.payload for sending in sent if sending.event.source == "chirpstack"]
    assert len(set(lorawan)) == len(lorawan)


def test_gateways_hear_as_they_would() -> None:
    """The best gateway of a LoRaWAN device is heard between -125 and -40 dBm, and weaker devices use slower rates."""
    devices = city(CATALOGUE, meters=0, sigfox=0, trams=0).groups[0].senders
    best = np.array([sender.heard[0].rssi_dbm for sender in devices])
    assert -125 <= best.min() < best.max() <= -40
    assert len({sender.heard[0].gateway for sender in devices}) >= 4
    assert any(len(sender.heard) > 1 for sender in devices)
    assert all(sender.heard[0].rssi_dbm >= other.rssi_dbm for sender in devices for other in sender.heard)
    rates = np.array([sender.data_rate for sender in devices])
    assert rates[best > -100].min() == 5


@pytest.mark.parametrize("name", CATALOGUE.names())
def test_whatever_goes_wrong_is_said(name: str) -> None:
    """With every fault at once over a dying battery's week, no type has anything that it cannot say."""
    faults = Faults.parse("loss=0.1,duplicates=0.2,late=0.2,corrupt=0.2,drift=3600,stuck=0.5,battery=1")
    fleet = of_type(CATALOGUE[name], 6, seed=2, faults=faults)
    day = 24 * 3600.0
    mornings = [NOW + k * day for k in range(8)]
    sent = [s for start in mornings for s in fleet.history(start, start + 7200, now=NOW + 9 * day)]
    sent += fleet.live(NOW, NOW + 20 * CATALOGUE[name].type.period.total_seconds())
    assert sent
    for sending in sent:
        assert uplink(sending).simulated
