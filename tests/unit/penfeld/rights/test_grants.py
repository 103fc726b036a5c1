"""Rights on the broker are those that somebody needs, and nothing else."""

import pytest

from decoders.networks import adapters
from model.device import Device, State
from model.errors import BadRequestError
from penfeld.rights import grants

FRAMES = [topic for adapter in adapters().values() for topic in adapter.topics]


def test_a_device_speaks_in_its_own_name_and_hears_nothing() -> None:
    """A board may publish on its two topics, connects with its own name, and reads none."""
    found = grants.device("lab_board", "bench-7")

    assert found.name == found.client_id == "device.lab_board.bench-7"
    assert found.publish == ("penfeld/v1/lab_board/bench-7/up", "penfeld/v1/lab_board/bench-7/up/simulated")
    assert found.read == ()


@pytest.mark.parametrize("name", ["+", "#", "a/b", "", "a b", "n" * 65])
def test_no_name_of_a_device_widens_its_rights(name: str) -> None:
    """What would be a wildcard or another level of the topic is refused."""
    with pytest.raises(BadRequestError, match="no device name"):
        grants.device("lab_board", name)
    with pytest.raises(BadRequestError):
        grants.device(name, "bench-7")


def test_an_experiment_speaks_for_its_own_devices() -> None:
    """Its gateway may publish for each active native device of it: not for others, retired ones, LoRaWAN."""
    devices = [
        Device(id="b", type="lab_board", experiment="quays", network="native"),
        Device(id="a", type="lab_board", experiment="quays", network="native"),
        Device(id="c", type="lab_board", experiment="other", network="native"),
        Device(id="d", type="lab_board", experiment="quays", network="native", state=State.RETIRED),
        Device(id="70b3d57ed0001234", type="penfeld_streetlight", experiment="quays", network="chirpstack"),
        Device(id="e", type=None, experiment="quays", network="native"),
    ]

    found = grants.experiment("quays", devices)

    assert [topic for topic in found.publish if not topic.endswith("simulated")] == [
        "penfeld/v1/lab_board/a/up",
        "penfeld/v1/lab_board/b/up",
    ]
    assert (found.name, found.client_id, found.read) == ("experiment.quays", "experiment.quays", ())
    with pytest.raises(BadRequestError, match="has no device"):
        grants.experiment("nothing", devices)
    with pytest.raises(BadRequestError, match="rename it"):
        grants.experiment("the quays", devices)


def test_a_network_server_publishes_its_events_and_no_callback() -> None:
    """ChirpStack may publish its events; what is pushed over HTTP comes by the API only; native is no server."""
    topics = adapters()["chirpstack"].topics

    assert grants.network("chirpstack", topics).publish == ("application/+/device/+/event/+",)
    with pytest.raises(BadRequestError, match="posts to the API"):
        grants.network("sigfox", adapters()["sigfox"].topics)
    with pytest.raises(BadRequestError, match="grant device"):
        grants.network("native", adapters()["native"].topics)


def test_no_service_may_do_another_ones_work() -> None:
    """Ingest reads frames and sends none; the API reads no frames; who tells alarms tells no readings."""
    found = grants.services(FRAMES)

    assert set(FRAMES) <= set(found["ingest"].read)
    assert not set(FRAMES) & set(found["ingest"].publish)
    assert not set(FRAMES) & {*found["api"].read, *found["alerts"].read}
    assert "penfeld/v1/live/+" not in {*found["api"].publish, *found["alerts"].publish}
    assert "penfeld/v1/callbacks/+" in found["api"].publish
    assert "penfeld/v1/alarms" in found["alerts"].publish
    assert {topic for one in found.values() for topic in (*one.publish, *one.read) if topic.startswith("#")} == set()


def test_one_process_for_all_may_do_what_all_may() -> None:
    """The rights of `penfeld run` are those of ingest, API and alerts together."""
    found = grants.services(FRAMES, ["city/alarms"])
    single = [found[name] for name in ("ingest", "api", "alerts")]

    assert set(found["run"].publish) == {topic for one in single for topic in one.publish}
    assert set(found["run"].read) == {topic for one in single for topic in one.read}
    assert "city/alarms" in found["alerts"].publish


def test_only_what_a_person_lifts_is_lifted() -> None:
    """Any client id, and still the same topics."""
    found = grants.device("lab_board", "bench-7")

    assert grants.anywhere(found).client_id == ""
    assert grants.anywhere(found).publish == found.publish
