"""What the client promises, against the application itself on fakes."""

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import httpx
import pytest

from model.views import ReadingRow
from penfeld.client import BrokenAnswerError, Client, ClientError, NotReachedError, ProblemError
from penfeld.client.live import parsed
from tests.unit.api.scene import BIN, LAMP, NOW, PROBE, Scene, scene_of


class Straight(httpx.BaseTransport):
    """Asks an application in this process."""

    def __init__(self, scene: Scene) -> None:
        self._transport = httpx.ASGITransport(scene.app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the whole answer."""

        async def ask() -> tuple[int, httpx.Headers, bytes]:
            answer = await self._transport.handle_async_request(
                httpx.Request(request.method, request.url, headers=request.headers)
            )
            assert isinstance(answer.stream, httpx.AsyncByteStream)
            data = b"".join([part async for part in answer.stream])  # as it came, packed or not
            return answer.status_code, answer.headers, data

        status, headers, content = asyncio.run(ask())
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))


@pytest.fixture
def client() -> Iterator[Client]:
    """Ask an application where a lamp spoke each minute of an hour."""
    scene = scene_of()
    scene.memory.rows["lamp"] = {
        (LAMP, NOW + timedelta(minutes=minute)): ReadingRow(
            device=LAMP,
            time=NOW + timedelta(minutes=minute),
            received_at=NOW,
            values={"power_w": float(minute), "lamp_on": None},
            version="1",
        )
        for minute in range(60)
    }
    with Client("http://test/", transport=Straight(scene)) as client:
        yield client


def test_devices_come_one_by_one(client: Client) -> None:
    """Devices are values with names, chosen as the API chooses them."""
    assert [one.id for one in client.devices()] == [BIN, LAMP, PROBE]
    assert [one.name for one in client.devices(district="Recouvrance")] == ["Lampe 1"]


def test_pages_are_followed(client: Client) -> None:
    """Iterating asks page by page until the end."""
    pages = list(client.readings("lamp", page_rows=25))

    assert [len(page) for page in pages] == [25, 25, 10]
    assert [row["values"]["power_w"] for row in client.readings("lamp").rows()] == list(range(60))


def test_a_table_is_all_of_it(client: Client) -> None:
    """Arrow holds every row with its types; batches are the same, as they come."""
    asked = client.readings(devices=[LAMP], start=NOW + timedelta(minutes=10), fields=["power_w"])

    table = asked.to_arrow()

    assert table.column("power_w").to_pylist() == [float(minute) for minute in range(10, 60)]
    assert table.column("time")[0].as_py() == NOW + timedelta(minutes=10)
    assert sum(batch.num_rows for batch in asked.batches()) == 50


@pytest.mark.parametrize(("name", "method"), [("pandas", "to_pandas"), ("polars", "to_polars")])
def test_frames(client: Client, name: str, method: str) -> None:
    """A notebook gets the frame that it works with; where the library is missing, the error says how to get it."""
    asked = client.readings("lamp", aggregation="lttb", points=5)
    try:
        __import__(name)
    except ImportError:
        with pytest.raises(ClientError, match=f"pip install {name}"):
            getattr(asked, method)()
    else:
        assert len(getattr(asked, method)()) == 5


def test_sums_are_asked_for(client: Client) -> None:
    """A resolution gives buckets."""
    [[row]] = client.readings("lamp", start=NOW, end=NOW + timedelta(hours=1), resolution="1h")

    assert row == {"device": LAMP, "time": "2026-03-29T06:00:00Z", "values": {"power_w": 29.5}}


def test_a_problem_is_an_error_that_helps(client: Client) -> None:
    """What the service refuses is raised with what it says, and with names that are like the wrong one."""
    with pytest.raises(ProblemError, match="lmap") as caught:
        client.readings("lmap").to_arrow()

    assert (caught.value.status, caught.value.near) == (422, ("lamp",))


def test_a_time_without_zone_is_refused(client: Client) -> None:
    """A time that could be anybody's is no time."""
    with pytest.raises(ValueError, match="has no zone"):
        list(client.readings("lamp", start=datetime(2026, 1, 1)))  # noqa: DTZ001  what is refused


def test_completeness(client: Client) -> None:
    """How complete data are is one question."""
    assert client.completeness("lamp", start=NOW - timedelta(hours=1), end=NOW)["devices"] == 2


def answering(*answers: httpx.Response | Exception) -> Client:
    """Return a client to whom these answers come, one a request."""
    rest = iter(answers)

    def answer(_request: httpx.Request) -> httpx.Response:
        found = next(rest)
        if isinstance(found, Exception):
            raise found
        return found

    return Client("http://test", transport=httpx.MockTransport(answer))


def test_what_goes_wrong_on_the_way() -> None:
    """No answer, a page of somebody else, and half an answer are errors of their own, that name the address."""
    with pytest.raises(NotReachedError, match="http://test does not answer"):
        list(answering(httpx.ConnectError("refused")).devices())
    with pytest.raises(BrokenAnswerError, match="is Penfeld there"):
        list(answering(httpx.Response(200, text="<html>")).devices())
    with pytest.raises(ProblemError, match="is Penfeld at this address"):
        list(answering(httpx.Response(404, text="<html>")).devices())
    with pytest.raises(BrokenAnswerError, match="broke off"):
        answering(httpx.Response(200, content=b"\xff\xff\xff\xff\x10")).readings("lamp").to_arrow()


EVENT = 'id: 1-{0}\nevent: reading\ndata: {{"device":"a"}}\n\n'


def test_a_broken_line_is_taken_up_again() -> None:
    """After a broken line the client asks for what came behind the last event it had."""
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("last-event-id"))
        if len(asked) == 2:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, text=": still here\n\n" + EVENT.format(len(asked)))

    client = Client("http://test", transport=httpx.MockTransport(answer))
    events = client.live(devices=["a"], retry_s=0)

    assert [next(events).id, next(events).id] == ["1-1", "1-3"]
    assert asked == [None, "1-1", "1-1"]


def test_without_retry_a_closed_line_is_the_end() -> None:
    """Who wants no retries gets the end, with the reason as the last event."""
    dropped = 'event: dropped\ndata: {"reason":"the service is stopping"}\n\n'
    client = answering(httpx.Response(200, text=EVENT.format(1) + dropped))

    assert [event.kind for event in client.live(retry_s=None)] == ["reading", "dropped"]


def test_events_are_read() -> None:
    """Comments and times to retry are no events; a cut-off event is none either."""
    lines = ["retry: 3000", "", ": still here", "", "event: gap", "data: {}", "", "event: reading"]

    assert [event.kind for event in parsed(iter(lines))] == ["gap"]
    assert json.loads("{}") == next(parsed(iter(lines))).data
