"""One alarm in a list: what, about whom, since when; and what people do about it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from nicegui import ui

from api.console.alarm_lines import AlarmLine
from api.console.components.elements import Text, block, link, simulated_mark
from api.console.formats import clock_time
from api.console.parts import Parts
from api.console.texts import Words
from model.alarm import Alarm, AlarmState, Silence
from model.errors import NotFoundError, UnavailableError

_COMMENT = 2000
_NAME = 100


def button(label: str, css: str, on_press: Callable[[], Awaitable[None]], name: str = "") -> Text:
    """Return a button; ``name``: what it is called where its label alone does not say enough."""
    made = Text("button", label, css)
    made.props["type"] = "button"
    if name:
        made.props["aria-label"] = name
    made.on("click", on_press)
    return made


class Actions:
    """What people do about alarms. Each says that it is done, or why not; ``on_done`` looks again."""

    def __init__(self, parts: Parts, words: Words, who: Callable[[], str], on_done: Callable[[], None]) -> None:
        self._parts, self._words, self._who, self._on_done = parts, words, who, on_done

    async def acknowledge(self, ids: list[int]) -> None:
        """Note that somebody looks after them."""
        await self._do(self._parts.alarms.acknowledge(ids, self._who()), "alarm.done.acknowledge")

    async def comment(self, alarm_id: int, text: str) -> None:
        """Note what somebody says."""
        await self._do(self._parts.alarms.comment(alarm_id, self._who(), text[:_COMMENT]), "alarm.done.comment")

    async def assign(self, alarm_id: int, to: str) -> None:
        """Note whose it is."""
        await self._do(
            self._parts.alarms.assign(alarm_id, self._who(), to.strip()[:_NAME] or None), "alarm.done.assign"
        )

    async def silence(self, alarm: Alarm, hours: int) -> None:
        """Tell nobody of this rule and subject for a while."""
        now = self._parts.clock()
        words = self._words
        silence = Silence(
            starts_at=now,
            ends_at=now + timedelta(hours=hours),
            reason=words("alarm.silence.reason"),
            by=self._who(),
            rule=alarm.rule,
            subject=alarm.subject,
        )
        until = clock_time(silence.ends_at, words.language)
        await self._do(self._parts.alarms.silence(silence), "alarm.done.silence", time=until)

    async def _do(self, what: Awaitable[object], done: str, **fill: str) -> None:
        try:
            await what
        except UnavailableError:
            ui.notify(self._words("trouble.database"), type="negative")
        except NotFoundError as error:
            ui.notify(str(error), type="negative")
        else:
            ui.notify(self._words(done, **fill))
            self._on_done()


class ActionBoxes:
    """Boxes and buttons to comment, assign and silence one alarm."""

    def __init__(self, alarm: Callable[[], Alarm], words: Words, actions: Actions) -> None:
        self._alarm, self._actions = alarm, actions
        with block("div", "action-line"):
            self._comment = ui.input(words("alarm.comment.label")).props("dense outlined maxlength=2000")
            self._comment.on("keydown.enter", self._say)
            button(words("alarm.comment"), "button second", self._say)
        with block("div", "action-line"):
            self._to = ui.input(words("alarm.assign.label")).props("dense outlined maxlength=100")
            self._to.on("keydown.enter", self._give)
            button(words("alarm.assign"), "button second", self._give)
        with block("div", "card-buttons start"):
            button(words("alarm.silence.1"), "button second", lambda: self._actions.silence(self._alarm(), 1))
            button(words("alarm.silence.8"), "button second", lambda: self._actions.silence(self._alarm(), 8))

    async def _say(self) -> None:
        text = str(self._comment.value or "").strip()
        if text:
            self._comment.value = ""
            await self._actions.comment(self._alarm().id, text)

    async def _give(self) -> None:
        to, self._to.value = str(self._to.value or ""), ""
        await self._actions.assign(self._alarm().id, to)


class AlarmCard:
    """The card. ``on_select`` is told when its box is ticked; without it, there is none and no action either."""

    def __init__(
        self,
        words: Words,
        actions: Actions | None = None,
        on_select: Callable[[int, bool], None] | None = None,
    ) -> None:
        self._words, self._actions, self._on_select = words, actions, on_select
        self._line: AlarmLine | None = None
        self._alarm: Alarm | None = None
        self._box: ui.checkbox | None = None
        self._boxes: ActionBoxes | None = None
        self.element = block("article", "panel alarm-card")
        with self.element:
            self._place = block("div", "alarm-head")
            if actions is not None:
                self._tools()

    def _tools(self) -> None:
        words = self._words
        with block("div", "alarm-tools"):
            with block("details", "alarm-more") as fold:
                Text("summary", words("alarm.more"))
                self._inside = block("div", "alarm-boxes")
            fold.on("toggle", self._open)
            self._acknowledge = button(words("alarm.acknowledge"), "button", self._acknowledged)

    def _open(self) -> None:
        """Build the boxes when somebody asks for them: a list has a hundred of them."""
        if self._boxes is None and self._actions is not None:
            with self._inside:
                self._boxes = ActionBoxes(self._shown, self._words, self._actions)

    def _shown(self) -> Alarm:
        assert self._alarm is not None, "a card is shown before it is pressed"  # noqa: S101
        return self._alarm

    async def _acknowledged(self) -> None:
        if self._actions is not None:
            await self._actions.acknowledge([self._shown().id])

    def show(self, alarm: Alarm, line: AlarmLine) -> None:
        """Show the alarm as it is now; builds nothing where that is what stands there."""
        self._alarm = alarm
        if self._actions is not None:
            self._acknowledge.set_visibility(not line.acknowledged and line.state is AlarmState.OPEN)
        if line == self._line:
            return
        self._line = line
        ticked = bool(self._box is not None and self._box.value)
        self._place.clear()
        self.element.classes(replace=f"panel alarm-card alarm-{line.severity}{'' if line.state == 'open' else ' over'}")
        with self._place:
            self._build(line, ticked=ticked)

    def select(self, *, ticked: bool) -> None:
        """Tick its box, or not."""
        if self._box is not None:
            self._box.value = ticked

    def _build(self, line: AlarmLine, *, ticked: bool) -> None:
        words = self._words
        self._box = None
        if self._on_select is not None and not line.acknowledged:
            on_select = self._on_select
            self._box = ui.checkbox(value=ticked, on_change=lambda e: on_select(line.id, bool(e.value)))
            name = words("alarms.select", title=line.title, subject=line.subject)
            self._box.props["aria-label"] = name
            self._box.props("dense")
        severity_mark(line.severity, words)
        with block("div", "alarm-what"):
            link(line.title, f"/alarms/{line.id}", "alarm-title breakable")
            with block("p", "alarm-about"):
                if line.href:
                    link(line.subject, line.href, "breakable")
                else:
                    Text("span", line.subject, "breakable")
                if line.simulated:
                    simulated_mark(words)
                if line.about:
                    Text("span", line.about, "small breakable")
            if line.marks or line.notes:
                with block("p", "alarm-notes"):
                    for mark in line.marks:
                        Text("span", mark, "tag")
                    for note in line.notes:
                        Text("span", note, "small breakable")
        with block("div", "alarm-when"):
            if line.value:
                Text("strong", line.value, "breakable")
            Text("span", line.since, "small").props["title"] = line.exact


def severity_mark(severity: str, words: Words) -> Text:
    """Return a severity as sign, colour and word."""
    return Text("span", words(f"severity.{severity}"), f"severity severity-{severity}")
