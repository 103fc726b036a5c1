"""What /healthz, /readyz and /metrics promise."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from api.app import ApiConfig
from api.metrics import LedgerTotals
from model.errors import Reason
from model.status import AlertsStatus, IngestStatus
from model.views import QuarantinedFrame
from tests.fakes.memory import Memory
from tests.fakes.queries import Queries
from tests.unit.api.scene import NOW, Down, Scene, alarm_of, lamp_readings, scene_of


async def metrics_of(scene: Scene) -> dict[tuple[str, ...], float]:
    """Return every sample of /metrics: (name, label values in order of label) -> value."""
    response = await scene.client.get("/metrics")
    assert response.status_code == 200
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


async def test_alive() -> None:
    """The process is alive even when nothing else is."""
    scene = scene_of(queries=Down(), registry=Down())
    scene.publisher.down = True

    response = await scene.client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "alive"})


async def test_ready(scene: Scene) -> None:
    """When all that is needed answers, the service is ready, and each answers with a word."""
    response = await scene.client.get("/readyz")

    assert response.status_code == 200
    answer = response.json()
    assert answer["ready"] is True
    assert "PostgreSQL" in answer["database"]["word"]
    assert answer["catalogue"] == {"ok": True, "word": "2 device types"}
    assert scene.publisher.published == [("penfeld/v1/probe", b"")]


async def test_not_ready() -> None:
    """What does not answer is named with its word, and the status is 503."""
    scene = scene_of(queries=Down())
    scene.publisher.down = True

    response = await scene.client.get("/readyz")

    answer = response.json()
    assert response.status_code == 503
    assert [answer[part]["ok"] for part in ("database", "broker", "catalogue")] == [False, False, True]
    assert "does not answer" in answer["database"]["word"]
    assert "broker" in answer["broker"]["word"]


async def test_a_database_that_hangs() -> None:
    """A database that never answers is told after the time set, not waited for."""

    class Hanging:
        async def facts(self) -> None:
            await asyncio.Event().wait()

    scene = scene_of(ApiConfig(probe_timeout_s=0.01), queries=Hanging())

    response = await scene.client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["database"]["word"] == "no answer in 0.01 s"


async def test_metrics(scene: Scene) -> None:
    """Metrics tell frames by source and state, ingest workers, latency, listeners, build and requests."""
    scene.memory.ledger[NOW, "sigfox"] = [5, 2, 1]
    scene.memory.ledger[NOW - timedelta(days=30), "sigfox"] = [100, 0, 0]
    scene.live.report(IngestStatus(worker="w", time=NOW, stored=7, latency_p50_ms=4.0, latency_p99_ms=250.0))
    scene.live.close()
    await scene.hub.run()
    await scene.get("/readings", device_type="lamp")
    await scene.get("/readings", device_type="lmap")

    with scene.hub.subscribe():
        metrics = await metrics_of(scene)

    assert metrics["penfeld_build_info", "abc", "1.2.3"] == 1
    assert metrics["penfeld_frames_total", "sigfox", "received"] == 108
    assert metrics["penfeld_frames_total", "sigfox", "stored"] == 105
    assert metrics["penfeld_ingest_frames_total", "stored", "w"] == 7
    assert metrics["penfeld_ingest_latency_seconds", "0.99", "w"] == 0.25
    assert metrics["penfeld_ingest_connected", "w"] == 1
    assert metrics["penfeld_live_subscribers",] == 1
    assert metrics["penfeld_database_up",] == 1
    assert metrics["penfeld_http_request_seconds_count", "GET", "/api/v1/readings", "200"] == 1
    assert metrics["penfeld_http_request_seconds_count", "GET", "/api/v1/readings", "422"] == 1


async def test_metrics_raise_the_alarm(scene: Scene) -> None:
    """Books that are off, frames that a worker stored and the ledger has not, and what quarantine holds, are told."""
    scene.memory.worker = "w"
    scene.memory.ledger[NOW, "sigfox"] = [5, 2, 1]
    scene.memory.replays[NOW, "sigfox"] = [2, 0, -2]
    for number, times in ((1, 1), (2, 4)):
        frame = QuarantinedFrame(
            id=number,
            source="sigfox",
            reason=Reason.BAD_PAYLOAD,
            detail="",
            topic="",
            message=b"",
            device=f"{number}",
            device_type=None,
            received_at=NOW,
            last_received_at=NOW,
            times=times,
            simulated=False,
            replay_requested_at=NOW if number == 1 else None,
        )
        scene.memory.quarantine["", frame.device, b""] = frame
    scene.live.report(IngestStatus(worker="w", time=NOW, started=NOW + timedelta(minutes=10), received=11))
    scene.live.close()
    await scene.hub.run()

    metrics = await metrics_of(scene)

    assert metrics["penfeld_ledger_unbalanced_frames",] == 6
    assert metrics["penfeld_ledger_forgotten_frames", "w"] == 3
    assert metrics["penfeld_quarantine_frames", "bad_payload"] == 5
    assert metrics["penfeld_quarantine_waiting_frames", "bad_payload"] == 1
    assert metrics["penfeld_frames_total", "sigfox", "quarantined"] == 1
    assert metrics["penfeld_frames_total", "sigfox", "replayed"] == 2


async def test_metrics_without_database() -> None:
    """While the database does not answer the other metrics are told all the same."""
    metrics = await metrics_of(scene_of(queries=Down()))

    assert metrics["penfeld_database_up",] == 0
    assert not [name for name, *_ in metrics if name == "penfeld_frames_total"]


async def test_dropped_listeners_are_counted() -> None:
    """A listener dropped as too slow is counted."""
    scene = scene_of(ApiConfig(subscriber_queue=1))
    for _ in range(3):
        scene.live.tell("lamp", lamp_readings(1))
    scene.live.close()
    with scene.hub.subscribe():
        await scene.hub.run()

    assert (await metrics_of(scene))["penfeld_live_subscribers_dropped_total",] == 1


async def test_addresses_do_not_become_labels(scene: Scene) -> None:
    """However many addresses are asked for, metrics have one label for each route."""
    for number in range(20):
        await scene.get(f"/devices/nobody-{number}")
        await scene.client.get(f"/nothing/{number}")

    routes = {labels[1] for name, *labels in await metrics_of(scene) if name == "penfeld_http_request_seconds_count"}

    assert routes == {"/api/v1/devices/{device}", "other"}


async def test_totals_never_go_back() -> None:
    """Totals read hour by hour over many days equal the whole ledger, though old hours are read only once."""
    memory, totals, starts = Memory(), LedgerTotals(), list[datetime | None]()

    class Watched(Queries):
        async def ledger(self, *, start: datetime | None = None, **more: Any):  # type: ignore[no-untyped-def]  # noqa: ANN202, ANN401  as the port says
            starts.append(start)
            return await super().ledger(start=start, **more)

    now = NOW
    for hour in range(24 * 5):
        now = NOW + timedelta(hours=hour)
        memory.ledger[now, "sigfox"] = [1, 1, 1]
        found = await totals.read(Watched(memory), now + timedelta(minutes=30))
        assert found["sigfox", "received"] == 3 * (hour + 1)
        assert found["sigfox", "duplicate"] == hour + 1

    assert starts[0] is None
    assert starts[-1] == now - timedelta(hours=49)


async def report(scene: Scene, status: AlertsStatus) -> None:
    """Let the evaluator say how it is, and nobody else anything."""
    scene.live.report_alerts(status)
    scene.live.close()
    await scene.hub.run()


async def test_metrics_of_alarms(scene: Scene) -> None:
    """Metrics tell open alarms by severity and whether somebody looks after them, messages by state, the evaluator."""
    scene.alarms.add(alarm_of(1))
    scene.alarms.add(alarm_of(2, severity="critical", acknowledged_at=NOW))
    scene.alarms.add(alarm_of(3, simulated=True))
    await scene.outbox.test("ops", "anna", NOW)
    status = AlertsStatus(
        time=NOW, started=NOW, rules=12, readings=900, look_p99_ms=40.0, channels={"hook": "it does not answer"}
    )
    await report(scene, status)

    metrics = await metrics_of(scene)

    assert metrics["penfeld_alarms", "false", "warning"] == 1
    assert metrics["penfeld_alarms", "true", "critical"] == 1
    assert metrics["penfeld_alarms", "false", "critical"] == 0
    assert metrics["penfeld_notifications", "waiting"] == 1
    assert metrics["penfeld_notifications", "failed"] == 0
    assert metrics["penfeld_alerts_up",] == 1
    assert metrics["penfeld_alert_rules",] == 12
    assert metrics["penfeld_alerts_readings_total",] == 900
    assert metrics["penfeld_alerts_look_seconds", "0.99"] == 0.04
    assert metrics["penfeld_alerts_channel_trouble", "hook"] == 1


async def test_metrics_of_an_evaluator_that_does_not_work(scene: Scene) -> None:
    """An evaluator that never spoke, spoke long ago, or says what keeps it from its work, is down."""
    assert (await metrics_of(scene))["penfeld_alerts_up",] == 0
    for status in (
        AlertsStatus(time=NOW - timedelta(minutes=1), started=NOW, rules=12),
        AlertsStatus(time=NOW, started=NOW, trouble="database: it is starting"),
    ):
        fresh = scene_of()
        await report(fresh, status)
        metrics = await metrics_of(fresh)

        assert metrics["penfeld_alerts_up",] == 0
        assert (("penfeld_alert_rules",) in metrics) is bool(status.trouble)
