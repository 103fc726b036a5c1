"""What /quarantine promises."""

import dataclasses

import pytest

from api.remedies import remedy
from model.device import Language
from model.errors import Reason
from model.views import Interpretation, QuarantinedFrame, ReadingRow
from tests.unit.api.scene import LAMP, NOW, Scene, problem_of


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


async def test_found_by_source_and_time(scene: Scene) -> None:
    """A source that brought nothing has nothing; times are about arrivals; a range the wrong way round is a problem."""
    none = await scene.json("/quarantine", source="sigfox")
    before = await scene.json("/quarantine", to="2026-03-29T06:00:00Z")
    within = await scene.json("/quarantine", **{"from": "2026-03-29T06:00:00Z"})
    problem = await scene.problem("/quarantine", **{"from": "2026-03-29T06:00:00Z", "to": "2026-03-28T06:00:00Z"})

    assert [len(answer["items"]) for answer in (none, before, within)] == [0, 0, 3]
    assert "lies behind" in problem["detail"]


async def test_what_it_would_be_today(scene: Scene) -> None:
    """One frame tells what it would become if it came now: readings with flags, or why not."""
    reading = ReadingRow(device=LAMP, time=NOW, received_at=NOW, values={"power_w": 41.5}, flags=("power_w:range",))
    scene.interpreter.meanings[1] = [Interpretation(device=LAMP, device_type="lamp", rows=(reading,))]

    fixed, still = [(await scene.json(f"/quarantine/{number}"))["today"] for number in (1, 2)]

    assert fixed == [
        {
            "device": LAMP,
            "device_type": "lamp",
            "reason": None,
            "detail": "",
            "rows": [{"time": "2026-03-29T06:00:00Z", "values": {"power_w": 41.5}, "flags": ["power_w:range"]}],
        }
    ]
    assert (still[0]["reason"], still[0]["detail"], still[0]["rows"]) == ("bad_payload", "too short", [])


async def test_frames_are_taken_up_again(scene: Scene) -> None:
    """What matches is marked and counted, as often as it is asked for; a frame alone too; it shows in the list."""
    answers = [
        await scene.client.post("/api/v1/quarantine/replay", json={"device": LAMP.upper(), "reason": "bad_payload"})
        for _ in range(2)
    ]
    one = await scene.client.post("/api/v1/quarantine/3/replay")
    items = (await scene.json("/quarantine"))["items"]
    everything = await scene.client.post("/api/v1/quarantine/replay", json={})

    assert [(answer.status_code, answer.json()) for answer in answers] == [(202, {"messages": 1, "frames": 2})] * 2
    assert (one.status_code, one.json()) == (202, {"messages": 1, "frames": 2})
    assert [item["id"] for item in items if item["replay_requested_at"]] == [3, 1]
    assert everything.json() == {"messages": 3, "frames": 6}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"raeson": "bad_payload"}, "raeson"),
        ({"reason": "bad"}, "bad_payload"),
        ({"from": "yesterday"}, "ISO 8601"),
        ({"from": "2026-03-29T06:00:00Z", "to": "2026-03-28T06:00:00Z"}, "lies behind"),
        ([], "body"),
    ],
)
async def test_a_mistyped_request_marks_nothing(scene: Scene, body: object, words: str) -> None:
    """What makes no sense is a problem: a mistyped filter must not mean everything."""
    problem = problem_of(await scene.client.post("/api/v1/quarantine/replay", json=body))

    assert problem["status"] == 422
    assert words in problem["detail"]
    assert not any(item["replay_requested_at"] for item in (await scene.json("/quarantine"))["items"])


async def test_a_frame_that_is_gone_is_not_taken_up(scene: Scene) -> None:
    """It may have been taken in meanwhile; the answer says so."""
    problem = problem_of(await scene.client.post("/api/v1/quarantine/4/replay"))

    assert (problem["status"], "meanwhile" in problem["detail"]) == (404, True)


async def test_registering_tells_how_many_frames_wait(scene: Scene) -> None:
    """The answer to a registration says how much of it ingest takes in now."""
    body = {"id": "70b3d500000000aa", "type": "lamp", "name": "Lampe 3"}

    first, again = [(await scene.client.post("/api/v1/devices", json=body)).json() for _ in range(2)]

    assert first["waiting_frames"] == again["waiting_frames"] == 2
