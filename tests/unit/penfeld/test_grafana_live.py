"""Readings as they come, in the form that Grafana Live takes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from model.errors import ConfigError, UnavailableError
from penfeld.client.live import LiveEvent
from penfeld.grafana_live import MOST, Collector, Push, Reading, forward, lines, reading

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
NS = 1782907200 * 10**9


def said(device: str = "a1", **values: Any) -> dict[str, Any]:  # noqa: ANN401 -- any value of JSON
    return {"device": device, "device_type": "lamp", "time": "2026-07-01T12:00:00.5Z", "values": values}


def test_a_reading_is_a_line_of_its_device_and_one_of_its_type() -> None:
    """Numbers and switches, at their own time; a text has no curve; the city counts readings by type."""
    some = [reading(said(power_w=41.5, lamp_on=True, role="x")), reading(said("b2", power_w=3))]

    assert lines(some, {"a1": "Rue de Siam, 12 = est"}, NOON).splitlines() == [
        f"a1 power_w=41.5,lamp_on=1.0 {NS + 500_000_000}",
        rf"lamp,device=Rue\ de\ Siam\,\ 12\ \=\ est power_w=41.5,lamp_on=1.0 {NS + 500_000_000}",
        f"b2 power_w=3.0 {NS + 500_000_000}",
        f"lamp,device=b2 power_w=3.0 {NS + 500_000_000}",
        f"city,type=lamp readings=2i {NS}",
    ]


def test_a_reading_of_texts_only_counts_and_has_no_line() -> None:
    """The line protocol knows no line without a field; what ends a line in a name is left out."""
    some = [reading(said(role="x")), reading(said("b2", power_w=1.0))]

    assert lines(some, {"b2": "two\nlines\\"}, NOON).splitlines()[1:] == [
        f"lamp,device=twolines/ power_w=1.0 {NS + 500_000_000}",
        f"city,type=lamp readings=2i {NS}",
    ]


def pushing(answers: Iterator[int | Exception], seen: list[httpx.Request]) -> Push:
    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer)

    return Push("http://grafana.example", "glsa_secret", httpx.MockTransport(handle))


def events(*some: dict[str, Any]) -> Iterator[LiveEvent]:
    for each in some:
        yield LiveEvent("reading", each)


def drained(collector: Collector) -> None:
    collector._thread.join()


def test_what_came_is_pushed_at_once_with_the_token() -> None:
    """One request for all that came in a second, into our stream; alarms are no readings."""
    seen: list[httpx.Request] = []
    stream = [*events(said(power_w=1.0), said(power_w=2.0)), LiveEvent("alarm", {"kind": "opened"})]
    collector = Collector(iter(stream))
    drained(collector)

    with pytest.raises(UnavailableError, match="has ended"):
        forward(collector, pushing(iter([200]), seen), {}, lambda: NOON, lambda _seconds: None)

    [request] = seen
    assert request.url == "http://grafana.example/api/live/push/penfeld"
    assert request.headers["Authorization"] == "Bearer glsa_secret"
    assert request.content.decode().count("\n") == 4


@pytest.mark.parametrize("trouble", [503, httpx.ConnectError("refused")])
def test_a_grafana_that_is_away_loses_a_second_of_pictures(
    trouble: int | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """What it did not take is counted and told once; the next second goes on."""
    seen: list[httpx.Request] = []
    waiting = [said(power_w=1.0), said(power_w=2.0)]
    collector = Collector(iter([]))
    drained(collector)
    ended, collector.ended = collector.ended, None
    caplog.set_level("INFO")

    def pause(_seconds: float) -> None:
        if waiting:
            collector._queue.put(reading(waiting.pop()))
        else:
            collector.ended = ended

    with pytest.raises(UnavailableError):
        forward(collector, pushing(iter([trouble, 200]), seen), {}, lambda: NOON, pause)

    assert (len(seen), collector.skipped) == (2, 1)
    assert "1 readings were not shown" in caplog.text
    assert "glsa" not in caplog.text


def test_a_token_that_does_not_open_ends_it() -> None:
    """It says which setting is wrong."""
    with pytest.raises(ConfigError, match="token"):
        pushing(iter([403]), []).send("city readings=1i 1")


def test_a_flood_is_cut_to_what_a_browser_can_show() -> None:
    """The newest of it, the rest is counted."""
    collector = Collector(events(*(said(n=number) for number in range(MOST + 7))))
    drained(collector)

    some = collector.take()

    assert (len(some), collector.skipped) == (MOST, 7)
    assert some[-1] == Reading("a1", "lamp", some[-1].time, {"n": MOST + 6.0})


def test_a_stream_that_breaks_is_an_error_that_says_so() -> None:
    """What is no reading ends it in words."""
    collector = Collector(iter([LiveEvent("reading", {"device": "a1"})]))
    drained(collector)

    with pytest.raises(UnavailableError, match="live stream"):
        collector.take()
