"""What identifies a frame."""

from datetime import UTC, datetime

import pytest

from model.uplink import Uplink

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
COUNTED = Uplink(
    network="chirpstack", device="70b3d50000000001", payload=b"\x09\xc4\x05", f_port=1, f_cnt=7, session="260b1f3a"
)
TIMED = Uplink(
    network="sigfox", device="00b5f3c1", payload=b"\x01", time=datetime(2026, 5, 4, 11, 59, 58, 250_000, tzinfo=UTC)
)
BARE = Uplink(network="native", device="tram-12", values={"speed_kmh": 31.5, "door_open": True})


@pytest.mark.parametrize(
    ("uplink", "key"),
    [
        (COUNTED, "e9f93de932ad522a02b6375ebb58842d"),
        (TIMED, "8e046acbffb891e42e6955db73929035"),
        (BARE, "521cf9760a96d28d973fc97819282c7e"),
    ],
)
def test_keys_stay(uplink: Uplink, key: str) -> None:
    """Keys are what they always were: frames that are stored are known again by every later version."""
    assert uplink.frame_key(NOON).hex() == key
