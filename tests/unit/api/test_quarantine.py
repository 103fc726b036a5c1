"""What /quarantine promises."""

import dataclasses

import pytest

from api.remedies import remedy
from model.device import Language
from model.errors import Reason
from model.views import QuarantinedFrame
from tests.unit.api.scene import LAMP, NOW, Scene


@pytest.fixture(autouse=True)
def frames(scene: Scene) -> list[QuarantinedFrame]:
    """Three frames: one of a known device, one of an unknown one, one of nobody."""
    kept = [
        (Reason.BAD_PAYLOAD, LAMP, b"\xff\x00"),
        (Reason.UNKNOWN_DEVICE, "70b3d500000000aa", b'{"data":"\xc3\xa9"}'),
        (Reason.BAD_ENVELOPE, None, b""),
    ]
    frames = [
        QuarantinedFrame(
            id=number,
            source="chirpstack",
            reason=reason,
            detail="power_w: the payload ends",
            topic="application/1/device/x/event/up",
            message=message,
            device=device,
            device_type=None,
            received_at=NOW,
            last_received_at=NOW,
            times=2,
            simulated=False,
        )
        for number, (reason, device, message) in enumerate(kept, 1)
    ]
    scene.memory.quarantine = {(frame.topic, frame.device, frame.message): frame for frame in frames}
    return frames


async def test_pages_newest_first(scene: Scene) -> None:
    """Following the pages gives every frame once, newest first."""
    found, address = [], "/api/v1/quarantine?limit=2"
    while address:
        response = await scene.client.get(address)
        found += [frame["id"] for frame in response.json()["items"]]
        address = response.links.get("next", {}).get("url", "")

    assert found == [3, 2, 1]


@pytest.mark.parametrize(("language", "words"), [("en", "its next frames"), ("fr", "les trames suivantes")])
async def test_what_to_do_next(scene: Scene, language: str, words: str) -> None:
    """Each frame comes with what to do about it, for an unknown device the very command, in the reader's language."""
    items = (await scene.client.get(f"/api/v1/quarantine?lang={language}")).json()["items"]

    remedies = {item["reason"]: item["remedy"] for item in items}
    assert all(remedies.values())
    assert "penfeld devices add 70b3d500000000aa --type TYPE" in remedies["unknown_device"]
    assert words in remedies["unknown_device"]


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_reason_has_a_remedy(frames: list[QuarantinedFrame], reason: Reason, language: Language) -> None:
    """There is something to do about every reason, in both languages."""
    assert "{" not in remedy(dataclasses.replace(frames[0], reason=reason), language)


async def test_filters(scene: Scene) -> None:
    """Frames are found by reason, and by device in any spelling, known or not."""
    by_reason = await scene.json("/quarantine", reason="bad_envelope")
    known = await scene.json("/quarantine", device=LAMP.upper())
    unknown = await scene.json("/quarantine", device="70b3d500000000aa")

    assert [[frame["id"] for frame in answer["items"]] for answer in (by_reason, known, unknown)] == [[3], [1], [2]]


async def test_unknown_reason(scene: Scene) -> None:
    """A reason that does not exist is answered with those that do."""
    problem = await scene.problem("/quarantine", reason="bad")

    assert "bad_payload" in problem["detail"]


async def test_original_bytes(scene: Scene) -> None:
    """One frame has its original bytes as base64 and hex, and as text where they are text."""
    binary, text = await scene.json("/quarantine/1"), await scene.json("/quarantine/2")

    assert (binary["base64"], binary["hex"], binary["text"], binary["size"]) == ("/wA=", "ff00", None, 2)
    assert text["text"] == '{"data":"é"}'
    assert binary["detail"] == "power_w: the payload ends"


@pytest.mark.parametrize(("frame", "status"), [("4", 404), ("x", 422), ("0", 422), (str(2**63), 422)])
async def test_no_such_frame(scene: Scene, frame: str, status: int) -> None:
    """A frame that is not there, or cannot be, is a problem."""
    assert (await scene.problem(f"/quarantine/{frame}"))["status"] == status
