"""What repeats and what does not, by frame key and time: the rule of storage, over what adapters give."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from decoders.networks import adapters
from model.batch import Frame
from model.instants import microseconds
from model.uplink import Uplink
from storage.rows import Frames
from tests.unit.decoders.networks.events import EVENTS, MAIN, Document, encoded, frame

START = datetime(2026, 5, 4, 6, 12, 9, tzinfo=UTC)


def kept(uplinks: Sequence[Uplink]) -> list[bool]:
    """Return which of these frames of one device storage keeps, when they arrive in this order."""
    frames = [
        Frame(
            uplink=uplink,
            key=uplink.frame_key(uplink.time or START),
            source=uplink.network,
            device=1,
            device_type="probe",
            time_us=microseconds(uplink.time or START),
            received_us=microseconds(START),
            network_us=None,
            simulated=False,
            decoded_with="1",
        )
        for uplink in uplinks
    ]
    again = Frames(frames).repeated(set())
    return [place not in again for place in range(len(frames))]


def sigfox(after: timedelta, number: int, data: str = "0102", advanced: Document | None = None) -> Uplink:
    """Return the frame of a callback, some time after the start."""
    body = {
        "device": "B5F3C1",
        "time": (START + after).timestamp(),
        "data": data,
        "seqNumber": number,
        **(advanced or {}),
    }
    return frame(adapters()["sigfox"].uplinks("penfeld/v1/callbacks/sigfox", encoded(body)))


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def test_sigfox_retries() -> None:
    """A callback tried again, and DATA_ADVANCED half a minute later, are the frame that is there, in any order."""
    advanced = {"lqi": "GOOD", "duplicates": [{"bsId": "1A2B", "rssi": -120, "snr": 9}]}

    assert kept([sigfox(minutes(0), 7), sigfox(minutes(0), 7), sigfox(minutes(0), 7, advanced=advanced)]) == [
        True,
        False,
        False,
    ]
    assert kept([sigfox(minutes(0), 7, advanced=advanced), sigfox(minutes(0), 7)]) == [True, False]


def test_sigfox_wraps() -> None:
    """After 4095 comes 0, and the same number with the same data a round later is a new frame."""
    day = timedelta(days=1)
    uplinks = [sigfox(minutes(0), 4095), sigfox(minutes(10), 0), sigfox(minutes(20), 1), sigfox(29 * day, 4095)]

    assert kept(uplinks) == [True, True, True, True]


def test_sigfox_restarts() -> None:
    """A device that begins again at 0 is understood; only the same data under the same number within an hour repeat."""
    assert kept([sigfox(minutes(0), 900), sigfox(minutes(10), 0), sigfox(minutes(20), 1)]) == [True, True, True]
    assert kept([sigfox(minutes(0), 0), sigfox(minutes(61), 0)]) == [True, True]
    assert kept([sigfox(minutes(0), 0, "0102"), sigfox(minutes(10), 0, "0103")]) == [True, True]


@pytest.mark.parametrize(
    ("network", "kind", "again"),
    [
        ("chirpstack", MAIN, {"deduplicationId": "of another copy"}),
        ("thethingsstack", MAIN, {"correlation_ids": ["as:up:other"], "received_at": "2026-05-04T06:15:00Z"}),
        ("liveobjects", MAIN, {"id": "other", "created": "2026-05-04T06:30:00Z"}),
        ("wanesy", MAIN, {"id": "other", "delayed": True, "recvTime": 1777877129120}),
        ("loriot", MAIN, {"cmd": "gw", "ts": 1777875132000, "seqno": 8, "gws": [{"gweui": "7276", "rssi": -90}]}),
        ("thingpark", "wrapped", {"query": {"Token": "other"}}),
    ],
)
def test_delivered_again(network: str, kind: str, again: Document) -> None:
    """The frame that a server sends again, under whatever id and at whatever time, is the one that is there."""
    topic, document = EVENTS[network][kind]
    read = adapters()[network].uplinks
    first, second = frame(read(topic, encoded(document))), frame(read(topic, encoded({**document, **again})))

    assert kept([first, second]) == [True, False]


def test_rejoin() -> None:
    """After a join the counter begins again in another session: the same counter and data are another frame."""
    topic, document = EVENTS["chirpstack"][MAIN]
    read = adapters()["chirpstack"].uplinks
    uplinks = [frame(read(topic, encoded({**document, "devAddr": address}))) for address in ("260b1f3a", "260b1f3b")]

    assert kept(uplinks) == [True, True]
