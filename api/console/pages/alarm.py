"""One alarm: what and when, its field around it, what happened, who was told, what to do: ``/alarms/{id}``."""

from collections.abc import Sequence

from fastapi import Request
from nicegui import ui

from api.console.alarm_lines import (
    Known,
    by_urgency,
    event_text,
    event_words,
    field_of,
    leaf_of,
    limits_of,
    line_of,
    notification_words,
    reason_words,
    said_value,
    span_of,
    subject_of,
    title_of,
)
from api.console.components.alarm_card import ActionBoxes, Actions, button, severity_mark
from api.console.components.alarm_list import AlarmList, known_of
from api.console.components.elements import Refresh, Text, block, link, simulated_mark
from api.console.components.grid import Cell, Column, Grid, Row
from api.console.components.line_chart import Drawn, LineChart
from api.console.components.tabs import tabs
from api.console.components.who import Who
from api.console.conditions import waited_for
from api.console.formats import clock_time, milliseconds, unit
from api.console.frame import Page, frame, words_for
from api.console.history import history
from api.console.parts import Parts
from api.console.series import drawable, gap_of, lines
from api.console.texts import Words
from model.alarm import Alarm, AlarmEvent, AlarmFilter, AlarmState
from model.device import Kind
from model.errors import NotFoundError, UnavailableError
from model.notification import Notification

_MESSAGES = 100
_EXPLAINED = 500
_COLUMNS = ("time", "channel", "state", "detail")
_HIGHEST = 2**63 - 1


def register(parts: Parts) -> None:
    """Make the page known."""

    @ui.page("/alarms/{alarm_id}")
    async def page(request: Request, alarm_id: str) -> None:
        words = words_for(request)
        mine = parts.of(request)
        try:
            alarm = await mine.alarms.alarm(_number(alarm_id))
            known = await known_of(mine)
        except (NotFoundError, UnavailableError) as error:
            missing = isinstance(error, NotFoundError)
            ui.context.client.status_code = 404 if missing else 503
            with frame(request, "alarms", words("not_found.title"), words, mine.bell):
                Text("h1", words("not_found.title"))
                Text("p", words("gone.alarm", id=alarm_id[:20]) if missing else words("trouble.database"))
                link(words("alarms.title"), "/alarms")
            return
        with frame(request, "alarms", words("alarm.title", id=alarm.id), words, mine.bell) as here:
            OneAlarmPage(mine, here, request, alarm, known)


def _number(written: str) -> int:
    """Return an alarm's number; raise ``NotFoundError`` for what is none."""
    if not (written.isascii() and written.isdecimal() and len(written) < 20 and int(written) <= _HIGHEST):  # noqa: PLR2004
        raise NotFoundError(f"there is no alarm {written[:20]!r}")
    return int(written)


class OneAlarmPage:
    """One reader's look at one alarm, read again every two seconds."""

    def __init__(self, parts: Parts, page: Page, request: Request, alarm: Alarm, known: Known) -> None:
        self._parts, self._alarm, self._known = parts, alarm, known
        self._words = words = page.words
        self._said: list[tuple[str, str]] = []
        self._events_shown: Sequence[AlarmEvent] = ()
        tabs(words, "alarms")
        with block("div", "head"):
            severity_mark(alarm.severity, words)
            Text("h1", title_of(alarm.rule, known.rules, words))
            self._state = Text("span", "", "tag")
            if alarm.simulated:
                simulated_mark(words)
        with block("div", "columns"):
            with block("div", "stack"):
                self._facts()
                self._actions(request)
            with block("div", "stack"):
                self._chart_panel()
                self._events_panel()
                self._messages_panel()
        with block("section", "stack", aria_label=words("alarm.explains")) as self._explained:
            Text("h2", words("alarm.explains"))
            self._others = AlarmList(words)
        self._explained.set_visibility(False)
        self._refresh = Refresh(2.0, self._load, page.notice)
        self._draw = Refresh(30.0, self._load_chart, page.notice)

    def _facts(self) -> None:
        words, alarm, rules = self._words, self._alarm, self._known.rules
        name, href = subject_of(alarm, self._known.name, words)
        with block("section", "panel", aria_label=words("alarm.facts")):
            Text("h2", words("alarm.facts"), "panel-head")
            with block("dl", "facts"):
                Text("dt", words("alarm.subject"))
                with block("dd"):
                    if href:
                        link(name, href)
                    else:
                        Text("span", name)
                Text("dt", words("alarm.rule"))
                with block("dd"):
                    if alarm.rule in rules:
                        link(alarm.rule, f"/rules/edit/{alarm.rule}", "code")
                    else:
                        Text("span", alarm.rule, "code")
                if alarm.rule in rules:
                    Text("dt", words("alarm.rule.waits"))
                    Text("dd", waited_for(rules[alarm.rule], self._known.types, words))
                if alarm.folded_into is not None:
                    Text("dt", "")
                    with block("dd"):
                        link(words("alarm.folded_into", id=alarm.folded_into), f"/alarms/{alarm.folded_into}")
            self._changing = block("dl", "facts")

    def _actions(self, request: Request) -> None:
        words = self._words
        actions = Actions(self._parts, words, lambda: self._who.name, self._soon)
        with block("section", "panel stack", aria_label=words("alarm.actions")):
            Text("h2", words("alarm.actions"))
            self._who = Who(request, words)
            self._acknowledge = button(
                words("alarm.acknowledge"), "button", lambda: actions.acknowledge([self._alarm.id])
            )
            ActionBoxes(lambda: self._alarm, words, actions)

    def _chart_panel(self) -> None:
        words = self._words
        with block("section", "panel", aria_label=words("alarm.chart")):
            Text("h2", words("alarm.chart"), "panel-head")
            self._chart = LineChart(self._redraw)
            self._chart.props["role"] = "img"
            self._note = Text("p", words("loading"), "small")

    def _events_panel(self) -> None:
        words = self._words
        with block("section", "panel", aria_label=words("alarm.events")):
            Text("h2", words("alarm.events"), "panel-head")
            self._events = block("ol", "events")

    def _messages_panel(self) -> None:
        words = self._words
        with block("section", "panel", aria_label=words("alarm.messages")):
            Text("h2", words("alarm.messages"), "panel-head")
            columns = [Column(key=name, label=words(f"messages.{name}")) for name in _COLUMNS]
            self._messages = Grid(columns, caption=words("alarm.messages"), empty=words("alarm.messages.none"))

    def _soon(self) -> None:
        self._refresh.soon()

    def _redraw(self) -> None:
        self._draw.soon()

    async def _load(self) -> None:
        parts, words = self._parts, self._words
        self._alarm = alarm = await parts.alarms.alarm(self._alarm.id)
        self._show_state(alarm)
        events = await parts.alarms.events(alarm.id)
        if events != self._events_shown:
            self._events_shown = events
            self._show_events(events)
        page = await parts.outbox.page(alarm=alarm.id, limit=_MESSAGES)
        self._messages.show([message_row(one, words) for one in page])
        if alarm.folded:
            wanted = AlarmFilter(state=(AlarmState.OPEN,), folded=True)
            others = await parts.alarms.page(wanted, limit=_EXPLAINED)
            mine = [one for one in others.alarms if one.folded_into == alarm.id]
            self._others.show(by_urgency(mine), self._known, parts.clock())
        self._explained.set_visibility(alarm.folded > 0)

    def _show_state(self, alarm: Alarm) -> None:
        words, line = self._words, line_of(self._alarm, self._known, self._parts.clock(), self._words)
        self._state.say(words(f"alarm.state.{alarm.state.value}"))
        self._acknowledge.set_visibility(not line.acknowledged and alarm.state is AlarmState.OPEN)
        said = facts_of(alarm, self._known, words)
        if said == self._said:
            return
        self._said = said
        self._changing.clear()
        with self._changing:
            for key, text in said:
                Text("dt", words(key))
                Text("dd", text)
            for note in line.notes:
                Text("dt", "")
                Text("dd", note)

    def _show_events(self, events: Sequence[AlarmEvent]) -> None:
        words = self._words
        self._events.clear()
        with self._events:
            for event in events:
                with block("li"):
                    Text("span", clock_time(event.at, words.language), "small nowrap")
                    with block("div"):
                        Text("strong", event_words(event, words), "breakable")
                        if text := event_text(event, words):
                            Text("p", text, "said breakable")

    async def _load_chart(self) -> None:
        words, alarm, parts = self._words, self._alarm, self._parts
        kind, field = self._known.types.get(alarm.device_type or ""), field_of(alarm, self._known)
        if kind is None or field is None or alarm.device is None or not drawable(field):
            self._note.say(words("alarm.chart.none"))
            return
        now = parts.clock()
        start, end = span_of(alarm, now, kind.period)
        found = await history(parts.queries, kind, alarm.device, [field.name], start, end)
        points, _ = lines(found.rows, [field.name], gap_of(kind.period, found.thinned_to))
        title = words.pick(field.title)
        yes, no = (words("yes"), words("no")) if field.kind is Kind.BOOL else ("", "")
        drawn = Drawn(
            title=title,
            unit=unit(field.unit),
            points=points[0],
            yes=yes,
            no=no,
            limits=limits_of(leaf_of(self._known.rules.get(alarm.rule))),
            shades=[(milliseconds(alarm.started_at), milliseconds(alarm.ended_at or end))],
        )
        self._chart.draw([drawn], end - start, end, still=True)
        self._chart.props["aria-label"] = words("alarm.chart.label", field=title)
        self._note.say(words("alarm.chart.episode") if found.rows else words("device.chart.none"))


def facts_of(alarm: Alarm, known: Known, words: Words) -> list[tuple[str, str]]:
    """Return what can change of an alarm: when it was, when that became known, its values."""
    field = field_of(alarm, known)
    times = (
        ("alarm.started", alarm.started_at),
        ("alarm.raised", alarm.raised_at),
        ("alarm.ended", alarm.ended_at),
        ("alarm.opened", alarm.opened_at),
        ("alarm.closed", alarm.closed_at),
    )
    said = [(key, clock_time(time, words.language)) for key, time in times if time is not None]
    for key, value in (("alarm.first", alarm.first_value), ("alarm.last", alarm.last_value)):
        if text := said_value(value, alarm, known, words, field):
            said.append((key, text))
    return said


def message_row(of: Notification, words: Words) -> Row:
    """Return a message as a row."""
    tone = "bad" if of.state.value == "failed" else ""
    return Row(
        str(of.id),
        (
            Cell(text=clock_time(of.sent_at or of.created_at, words.language)),
            Cell(text=of.channel, css="breakable"),
            Cell(text=notification_words(of, words), tone=tone),
            Cell(text=reason_words(of.detail, words) or "–", css="breakable"),
        ),
    )
