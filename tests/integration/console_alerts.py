"""Rules, alarms, silences and messages of the made-up city of ``console_city``."""

# ruff: noqa: D102  the ports tell what these methods promise

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from model.alarm import Alarm, AlarmEvent, AlarmState, Episode, EventKind, Origin, StoredRule
from model.alert_ports import ChannelView
from model.notification import Notification, NotificationState
from model.rule import Rule, rule_of
from model.trial import Alternative, SubjectEpisodes, Trial
from tests.fakes.alarms import Alarms
from tests.fakes.outbox import Channels, Outbox
from tests.fakes.rules import Rules

WICKED = "<img src=x onerror=window.hacked=true> **bold**"
LAMP = "penfeld_streetlight"
RULES: tuple[tuple[Origin, dict[str, object]], ...] = (
    (
        "console",
        {
            "name": "lamp/power",
            "title": {"en": "Lamp draws too much", "fr": "Lampe trop gourmande"},
            "when": {"kind": "threshold", "field": "power_w", "above": 52, "clear": 50, "for": "30 min"},
            "scope": {"type": [LAMP]},
            "severity": "critical",
            "notify": ["duty"],
        },
    ),
    (
        "device",
        {
            "name": "lamp/failure",
            "title": {"en": "Lamp failure", "fr": "Lampe en panne"},
            "when": {"kind": "is", "field": "lamp_failure", "values": [True]},
            "scope": {"type": [LAMP], "district": ["Europe"]},
            "schedule": {"sun": "night"},
        },
    ),
    (
        "file",
        {
            "name": "gateway/silent",
            "title": {"en": "Gateway is silent", "fr": "Passerelle muette"},
            "when": {"kind": "silence", "of": "gateway", "after": "30 min"},
            "severity": "critical",
        },
    ),
    (
        "console",
        {
            "name": "bin/full",
            "title": {"en": f"Bin full {WICKED}", "fr": f"Conteneur plein {WICKED}"},
            "when": {"kind": "threshold", "field": "fill_level_percent", "above": 80},
            "scope": {"type": ["penfeld_binsensor"]},
            "severity": "info",
        },
    ),
    (
        "file",
        {
            "name": "lamp/dark",
            "title": {"en": "Lamp dark at full power", "fr": "Lampe éteinte à pleine puissance"},
            "when": {
                "kind": "all",
                "of": [
                    {"kind": "is", "field": "lamp_on", "values": [False]},
                    {"kind": "threshold", "field": "power_w", "above": 20},
                ],
            },
            "enabled": False,
        },
    ),
)


def now() -> datetime:
    return datetime.now(UTC)


class SlowRules(Rules):
    """Tries rules as slowly as a database, and finds the more the lower the limit is."""

    async def problems(self, rule: Rule) -> list[str]:
        found = list(await super().problems(rule))
        limit = getattr(rule.when, "above", None)
        if limit is not None and limit > 1000:
            found.append(f"when.above: {limit:g} is outside of what the field can be; write at most 400")
        return found

    async def test(
        self, rule: Rule, start: datetime, end: datetime, progress: Callable[[float], None] = lambda _: None
    ) -> Trial:
        for part in range(1, 6):
            progress(part / 5)
            await asyncio.sleep(0.15)
        limit = getattr(rule.when, "above", None) or 60.0
        count = max(0, round(100 - limit))
        us = int(start.timestamp() * 1e6)
        episode = Episode(start_us=us, raised_us=us + 1, end_us=us + 7_200_000_000)
        return Trial(
            start=start,
            end=end,
            readings=123_456,
            subjects=60,
            found=[
                SubjectEpisodes(subject="lamp-0007", episodes=[episode] * (count // 2)),
                SubjectEpisodes(subject="lamp-0001", episodes=[episode] * (count - count // 2)),
            ]
            if count
            else [],
            alarms=count,
            open=min(1, count),
            raised_s=7200.0 * count,
            longest_s=9000.0,
            by_hour=[(7 * hour) % 5 * (hour > 15) for hour in range(24)],
            by_day=[],
            alternatives=[Alternative(limit=limit + step, alarms=max(0, count - step), subjects=2) for step in (5, 10)],
        )


@dataclass(frozen=True, slots=True)
class Alerts:
    """All of it."""

    alarms: Alarms
    rules: SlowRules
    outbox: Outbox
    channels: Channels

    @classmethod
    def of(cls, start: datetime) -> "Alerts":
        """Return them as the tests expect them."""
        alarms, rules, outbox = Alarms(now), SlowRules(now), Outbox()
        for origin, said in RULES:
            rule = rule_of(said)
            rules.rules[rule.name] = StoredRule(
                rule=rule, version="1", origin=origin, changed_at=start, changed_by="Anne"
            )
        for one in _alarms(start):
            alarms.add(one)
        alarms.happened[1].append(
            AlarmEvent(at=start - timedelta(minutes=5), kind=EventKind.COMMENTED, who="Yann", text=WICKED)
        )
        outbox.lines.append(
            Notification(
                id=1,
                channel="duty",
                kind=EventKind.OPENED,
                alarm=1,
                state=NotificationState.FAILED,
                created_at=start - timedelta(hours=2),
                due_at=start,
                attempts=4,
                detail="421 try again later",
            )
        )
        channels = Channels(
            ChannelView(name="duty", kind="mail", target="duty@brest.example", trouble="421 try again later"),
            ChannelView(name="wall", kind="mqtt", target="penfeld/wall"),
        )
        return cls(alarms, rules, outbox, channels)


def _alarms(start: datetime) -> list[Alarm]:
    def alarm(number: int, rule: str, severity: str, device: str | None, hours: float, **more: object) -> Alarm:
        at = start - timedelta(hours=hours)
        kind = {"l": LAMP, "b": "penfeld_binsensor"}.get((device or "-")[0])
        said: dict[str, object] = {
            "id": number,
            "rule": rule,
            "version": "1",
            "severity": severity,
            "state": AlarmState.OPEN,
            "subject": device,
            "device": device,
            "device_type": kind,
            "district": "Europe" if device else None,
            "simulated": False,
            "started_at": at,
            "raised_at": at + timedelta(minutes=30),
            "ended_at": None,
            "opened_at": at + timedelta(minutes=31),
            "closed_at": None,
            **more,
        }
        return Alarm(**said)  # type: ignore[arg-type]  # as the fields say

    ended = {"ended_at": start - timedelta(hours=3), "closed_at": start - timedelta(hours=3)}
    return [
        alarm(1, "lamp/power", "critical", "lamp-0030", 3, first_value=52.75, last_value=53.1, last_at=start),
        alarm(2, "lamp/failure", "warning", "lamp-0005", 5, first_value=True, simulated=True),
        alarm(3, "gateway/silent", "critical", None, 1, subject="gateway:gw-recouvrance", folded=3),
        alarm(4, "bin/full", "info", "bin-10", 30, first_value=83.0),
        alarm(5, "lamp/power", "critical", "lamp-0040", 20, first_value=61.0, state=AlarmState.CLEARED, **ended),
        alarm(
            6,
            "lamp/failure",
            "warning",
            "lamp-0001",
            40,
            first_value=True,
            state=AlarmState.WITHDRAWN,
            reason="late_data",
            **ended,
        ),
        alarm(7, "lamp/failure", "warning", "lamp-0010", 0.5, first_value=True, folded_into=3),
        alarm(
            8,
            "lamp/failure",
            "warning",
            "lamp-0020",
            6,
            first_value=True,
            acknowledged_at=start - timedelta(hours=1),
            acknowledged_by=WICKED,
            assigned_to="Yann",
        ),
    ]
