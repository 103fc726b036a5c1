"""What a rule would have raised, on the chart of one device: its field, the limits, the episodes shaded."""

from collections.abc import Awaitable, Callable

from api.console.alarm_lines import leaf_of, limits_of
from api.console.components.alarm_card import button
from api.console.components.elements import Text, block, link
from api.console.components.line_chart import Drawn, LineChart
from api.console.formats import milliseconds, number, unit
from api.console.history import history
from api.console.parts import Parts
from api.console.series import drawable, first_choice, gap_of, lines
from api.console.texts import Words
from api.console.trials import worst
from model.device import DeviceType, Field, Kind
from model.errors import UnavailableError
from model.rule import Rule
from model.trial import Trial


class Episodes:
    """The devices with most alarms in a trial of ``rule``, the first of them drawn; a press draws another.

    Without an alarm the device that the rule names is drawn: its past shows where a limit would matter.
    """

    def __init__(self, parts: Parts, words: Words, rule: Rule, trial: Trial) -> None:
        self._parts, self._words, self._rule, self._trial = parts, words, rule, trial
        named = [one for one in rule.scope.device if one in parts.feed.city.spots]
        self._chosen = next((one.subject for one in trial.found), next(iter(named), ""))
        if not self._chosen:
            return
        Text("h3", words("trial.chart"), "small-title")
        self._chart = LineChart(self._draw)
        self._chart.props["role"] = "img"
        self._note = Text("p", words("loading"), "small")
        if not trial.found:
            return
        Text("h3", words("trial.worst"), "small-title")
        with block("ul", "found worst"):
            for subject, count in worst(trial):
                with block("li"):
                    self._line(subject, count)

    def _line(self, subject: str, count: int) -> None:
        words = self._words
        spot = self._parts.feed.city.spots.get(subject)
        if spot is None:
            Text("span", subject, "breakable")
            Text("span", number(count, words.language))
            return
        name = spot.device.name or subject
        link(name, f"/devices/{subject}", "breakable")
        with block("span", "nowrap"):
            Text("span", number(count, words.language))
            button(words("trial.draw"), "chip", self._choosing(subject), words("trial.draw.of", device=name))

    def _choosing(self, subject: str) -> Callable[[], Awaitable[None]]:
        async def choose() -> None:
            self._chosen = subject
            await self._draw()

        return choose

    async def _draw(self) -> None:
        """Draw the chosen device."""
        words, trial, subject = self._words, self._trial, self._chosen
        found = self._field(subject)
        if found is None:
            self._note.say(words("alarm.chart.none"))
            return
        kind, field = found
        try:
            past = await history(self._parts.queries, kind, subject, [field.name], trial.start, trial.end)
        except UnavailableError:
            self._note.say(words("trouble.database"))
            return
        points, _ = lines(past.rows, [field.name], gap_of(kind.period, past.thinned_to))
        episodes = next((one.episodes for one in trial.found if one.subject == subject), ())
        end_ms = milliseconds(trial.end)
        drawn = Drawn(
            title=words.pick(field.title),
            unit=unit(field.unit),
            points=points[0],
            yes=words("yes") if field.kind is Kind.BOOL else "",
            no=words("no") if field.kind is Kind.BOOL else "",
            limits=limits_of(leaf_of(self._rule)),
            shades=[(one.start_us // 1000, end_ms if one.end_us is None else one.end_us // 1000) for one in episodes],
        )
        self._chart.draw([drawn], trial.end - trial.start, trial.end, still=True)
        name = self._parts.feed.city.spots[subject].device.name or subject
        self._chart.props["aria-label"] = words("trial.chart.of", device=name)
        self._note.say(words("trial.chart.note", device=name))

    def _field(self, subject: str) -> tuple[DeviceType, Field] | None:
        """Return device type and field to draw: that of the rule's first condition, else the most telling one."""
        spot = self._parts.feed.city.spots.get(subject)
        kind = self._parts.feed.city.types.get(spot.device.type or "") if spot is not None else None
        if kind is None:
            return None
        wanted = getattr(leaf_of(self._rule), "field", None) or next(iter(first_choice(kind)), "")
        field = kind.field(wanted)
        return (kind, field) if field is not None and drawable(field) else None
