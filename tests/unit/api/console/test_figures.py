from datetime import timedelta

from api.console.city import City
from api.console.components.key_figures import balance_sentence, power
from api.console.figures import Balance, FlowMeter, balance, city_figures
from api.console.texts import Words
from model.device import Device
from model.status import IngestStatus
from model.views import LedgerRow
from tests.unit.api.console.samples import LAMP, NOON, TRAM, lamp, said, tram


def test_city() -> None:
    """Lamps, power and vehicles are summed over those that are not silent."""
    city = City([LAMP, TRAM])
    meters = [Device(id=f"m{n}", type="lamp") for n in range(3)]
    city.load([lamp("lamp-1"), lamp("lamp-2"), lamp("lamp-3"), tram("tram-1"), tram("tram-2"), *meters])
    long_ago = NOON - timedelta(hours=3)
    city.apply([
        said("lamp-1", "lamp", NOON, lamp_on=True, lamp_failure=False),
        said("lamp-2", "lamp", NOON, lamp_on=False, lamp_failure=True),
        said("lamp-3", "lamp", long_ago, lamp_on=True),
        said("m0", "lamp", NOON, role="building", active_power_w=9000.0),
        said("m1", "lamp", NOON, role="solar", active_power_w=-2500.0),
        said("m2", "lamp", long_ago, role="building", active_power_w=7000.0),
        said("tram-1", "tram", NOON, latitude_deg=48.4, longitude_deg=-4.5),
        said("tram-2", "tram", long_ago, latitude_deg=48.4, longitude_deg=-4.5),
    ])  # fmt: skip
    city.tick(NOON)
    figures = city_figures(city.spots.values())
    assert (figures.lamps, figures.lamps_on, figures.lamps_failing) == (3, 1, 1)
    assert (figures.grid_power_w, figures.solar_power_w) == (6500.0, 2500.0)
    assert (figures.vehicles, figures.vehicles_running) == (2, 1)


def test_nothing_known() -> None:
    """Without devices there is no power, which is not the same as zero power."""
    assert city_figures([]).grid_power_w is None
    assert city_figures([]).solar_power_w is None


def _row(received: int, stored: int) -> LedgerRow:
    return LedgerRow(hour=NOON, source="x", received=received, stored=stored, duplicate=2, quarantined=1)


def test_balance() -> None:
    """The ledger's sum says how many frames are not accounted for."""
    assert balance([_row(13, 10), _row(23, 20)]) == Balance(received=36, stored=30, duplicate=4, quarantined=2)
    assert balance([_row(13, 10)]).missing == 0
    assert balance([_row(15, 10)]).missing == 2


def test_sentence() -> None:
    """The ledger is told as a plain sentence with the numbers of the language."""
    sums = Balance(received=42310, stored=42310)
    assert balance_sentence(sums, Words("en")) == "42,310 received = 42,310 stored + 0 duplicate + 0 quarantined"
    assert balance_sentence(sums, Words("fr")).startswith("42\u202f310 reçues = 42\u202f310 stockées")


def test_power() -> None:
    """Power is shown in kilowatts or megawatts, and never as minus zero."""
    assert power(412_345.0, "en") == "412.3\u00a0kW"
    assert power(7_713_300.0, "fr") == "7,71\u00a0MW"
    assert power(-4.0, "en") == "0.0\u00a0kW"


def _status(worker: str, seconds: int, stored: int, **more: object) -> IngestStatus:
    return IngestStatus(worker=worker, time=NOON + timedelta(seconds=seconds), stored=stored, **more)  # type: ignore[arg-type]  # only Struct's fields


def test_flow() -> None:
    """Frames a second come from the workers' counters, summed; the slowest worker's latency counts."""
    meter = FlowMeter()
    assert meter.measure([_status("a", 0, 100)], NOON).frames_per_s is None
    later = NOON + timedelta(seconds=2)
    flow = meter.measure([_status("a", 2, 300, latency_p99_ms=80.0), _status("b", 2, 7, latency_p99_ms=90.0)], later)
    assert (flow.frames_per_s, flow.latency_p99_ms, flow.workers) == (100.0, 90.0, 2)


def test_flow_after_a_restart() -> None:
    """A worker that starts again from zero gives no negative flow."""
    meter = FlowMeter()
    meter.measure([_status("a", 0, 1000)], NOON)
    assert meter.measure([_status("a", 1, 5)], NOON).frames_per_s is None
    assert meter.measure([_status("a", 2, 25)], NOON).frames_per_s == 20.0


def test_flow_of_a_dead_worker() -> None:
    """A worker that tells nothing any more is not counted."""
    meter = FlowMeter()
    meter.measure([_status("a", 0, 1000)], NOON)
    flow = meter.measure([_status("a", 1, 2000, trouble="the database is away")], NOON + timedelta(minutes=1))
    assert (flow.workers, flow.frames_per_s, flow.trouble) == (0, None, "")
