"""What ``/metrics`` says: frames by state from the ledger, the ingest workers, alarms, live listeners, requests, build.

Frame counts come from the ledger, which is written in the same transaction as the frames, so they are right after any
restart. Hours long past no longer change and are read once: see ``LedgerTotals``.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from model.notification import NotificationState
from model.ports import Queries
from model.severity import SEVERITIES
from model.status import AlertsStatus, IngestStatus
from model.views import LedgerRow, QuarantineSums

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STATES = ("received", "stored", "duplicate", "quarantined")
LEDGER_STATES = (*STATES, "replayed")
SETTLED_AFTER = timedelta(hours=48)

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


@dataclass(slots=True)
class Meter:
    """Counts requests by route, method and status, and how long they took."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    duration: Histogram = field(init=False)

    def __post_init__(self) -> None:
        self.duration = Histogram(
            "penfeld_http_request_seconds",
            "Requests by route, method and status, and the time to the end of the answer, in seconds",
            ("route", "method", "status"),
            buckets=_BUCKETS,
            registry=self.registry,
        )

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request."""
        self.duration.labels(route, method, str(status)).observe(seconds)


_GAUGES: Mapping[str, tuple[str, Callable[[IngestStatus], float]]] = {
    "connected": ("Whether the worker is connected to the broker", lambda s: int(s.connected)),
    "unacknowledged": ("Frames taken but not yet committed", lambda s: s.unacknowledged),
    "oldest_unacknowledged_seconds": ("Age of the oldest of them", lambda s: s.oldest_unacknowledged_s),
    "status_timestamp_seconds": ("When the worker last spoke", lambda s: s.time.timestamp()),
}
_FRESH = timedelta(seconds=15)
"""An evaluator that has not spoken for so long does not work."""


class LedgerTotals:
    """Frames by (source, state) since the beginning, without reading the whole ledger each time."""

    def __init__(self) -> None:
        self._settled: Counter[tuple[str, str]] = Counter()
        self._until: datetime | None = None

    async def read(self, queries: Queries, now: datetime) -> Mapping[tuple[str, str], int]:
        """Return the totals; only hours of the last two days are read again."""
        rows = await queries.ledger(start=self._until)
        until = now.replace(minute=0, second=0, microsecond=0) - SETTLED_AFTER
        if self._until is None or until > self._until:
            self._settled += _count(row for row in rows if row.hour < until)
            self._until = until
            rows = [row for row in rows if row.hour >= until]
        return self._settled + _count(rows)


def _count(rows: Iterable[LedgerRow]) -> Counter[tuple[str, str]]:
    totals: Counter[tuple[str, str]] = Counter()
    for row in rows:
        for state in LEDGER_STATES:
            totals[row.source, state] += getattr(row, state)
        totals[row.source, "quarantined"] += row.replayed  # all that ever came there: a counter never falls
    return totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Whether the books are right: see ``Queries.unaccounted`` and ``api.audit``; and what quarantine holds."""

    unaccounted: int
    forgotten: Mapping[str, int]
    quarantine: Sequence[QuarantineSums]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerting:
    """Open alarms by (severity, acknowledged), and notifications by state."""

    alarms: Mapping[tuple[str, bool], int]
    notifications: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """What is told besides the requests.

    ``frames``, ``books`` and ``alerting`` are ``None`` while the database does not answer; ``alerts`` as long as the
    evaluator of alert rules has said nothing.
    """

    frames: Mapping[tuple[str, str], int] | None
    books: Books | None
    alerting: Alerting | None
    alerts: AlertsStatus | None
    now: datetime
    statuses: Sequence[IngestStatus]
    subscribers: int
    dropped_subscribers: int
    version: str
    revision: str

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics, as prometheus_client wants them."""
        build = GaugeMetricFamily("penfeld_build_info", "Version of the service", labels=("version", "revision"))
        build.add_metric((self.version, self.revision), 1)
        yield build
        yield GaugeMetricFamily("penfeld_live_subscribers", "Listeners of the live stream", self.subscribers)
        yield CounterMetricFamily(
            "penfeld_live_subscribers_dropped", "Listeners dropped as too slow", self.dropped_subscribers
        )
        yield GaugeMetricFamily("penfeld_database_up", "Whether the database answers", int(self.frames is not None))
        yield from self._frames()
        yield from self._books()
        yield from self._workers()
        yield from self._alarms()
        yield from self._evaluator()

    def _frames(self) -> Iterator[Metric]:
        if self.frames is None:
            return
        family = CounterMetricFamily(
            "penfeld_frames",
            "Frames by source and by what became of them, from the ledger;"
            " received = stored + duplicate + quarantined - replayed",
            labels=("source", "state"),
        )
        for (source, state), count in sorted(self.frames.items()):
            family.add_metric((source, state), count)
        yield family

    def _books(self) -> Iterator[Metric]:
        if self.books is None:
            return
        yield GaugeMetricFamily(
            "penfeld_ledger_unbalanced_frames",
            "Frames by which the ledger is off: 0, or raise the alarm",
            self.books.unaccounted,
        )
        forgotten = GaugeMetricFamily(
            "penfeld_ledger_forgotten_frames",
            "Frames that a worker stored and the ledger has not: 0, or raise the alarm",
            labels=("worker",),
        )
        for worker, count in self.books.forgotten.items():
            forgotten.add_metric((worker,), count)
        yield forgotten
        there = GaugeMetricFamily("penfeld_quarantine_frames", "Frames in quarantine, by reason", labels=("reason",))
        waiting = GaugeMetricFamily(
            "penfeld_quarantine_waiting_frames", "Those of them that wait for replay", labels=("reason",)
        )
        for sums in self.books.quarantine:
            there.add_metric((sums.reason.value,), sums.frames)
            waiting.add_metric((sums.reason.value,), sums.waiting)
        yield there
        yield waiting

    def _workers(self) -> Iterator[Metric]:
        for name, (text, value) in _GAUGES.items():
            gauge = GaugeMetricFamily(f"penfeld_ingest_{name}", text, labels=("worker",))
            for status in self.statuses:
                gauge.add_metric((status.worker,), value(status))
            yield gauge
        counter = CounterMetricFamily(
            "penfeld_ingest_frames",
            "Frames since the worker started, by what became of them",
            labels=("worker", "state"),
        )
        for status in self.statuses:
            for state in STATES:
                counter.add_metric((status.worker, state), getattr(status, state))
        yield counter
        yield self._latency()

    def _latency(self) -> Metric:
        family = GaugeMetricFamily(
            "penfeld_ingest_latency_seconds",
            "From the time in the envelope to the commit, newest frames",
            labels=("worker", "quantile"),
        )
        for status in self.statuses:
            for quantile, value in (("0.5", status.latency_p50_ms), ("0.99", status.latency_p99_ms)):
                if value is not None:
                    family.add_metric((status.worker, quantile), value / 1000)
        return family

    def _alarms(self) -> Iterator[Metric]:
        if self.alerting is None:
            return
        alarms = GaugeMetricFamily(
            "penfeld_alarms",
            "Open alarms that no other one explains, without those of simulated devices",
            labels=("severity", "acknowledged"),
        )
        for severity in SEVERITIES:
            for acknowledged in (False, True):  # all of them, always: a rule of Prometheus needs the 0
                count = self.alerting.alarms.get((severity, acknowledged), 0)
                alarms.add_metric((severity, str(acknowledged).lower()), count)
        yield alarms
        notifications = GaugeMetricFamily(
            "penfeld_notifications", "Messages to people, by what became of them", labels=("state",)
        )
        for state in NotificationState:
            notifications.add_metric((state.value,), self.alerting.notifications.get(state.value, 0))
        yield notifications

    def _evaluator(self) -> Iterator[Metric]:
        told = self.alerts
        fresh = told is not None and self.now - told.time <= _FRESH
        up = told is not None and fresh and not told.trouble
        yield GaugeMetricFamily(
            "penfeld_alerts_up", "Whether alert rules are evaluated: 1, or somebody should look", int(up)
        )
        if told is None or not fresh:
            return
        yield GaugeMetricFamily("penfeld_alert_rules", "Alert rules that count", told.rules)
        yield CounterMetricFamily("penfeld_alerts_readings", "Readings that rules looked at", told.readings)
        broken = GaugeMetricFamily(
            "penfeld_alerts_channel_trouble", "Channels over which messages cannot be sent", labels=("channel",)
        )
        for name in sorted(told.channels):
            broken.add_metric((name,), 1)
        yield broken
        if told.look_p99_ms is not None:
            look = GaugeMetricFamily(
                "penfeld_alerts_look_seconds", "How long looks at news took, newest looks", labels=("quantile",)
            )
            look.add_metric(("0.99",), told.look_p99_ms / 1000)
            yield look


def exposition(meter: Meter, snapshot: Snapshot) -> bytes:
    """Return everything in Prometheus's text form."""
    registry = CollectorRegistry()
    registry.register(snapshot)
    return generate_latest(registry) + generate_latest(meter.registry)
