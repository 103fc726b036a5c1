"""Trying a rule on the past: days, progress, what it would have raised and where, other limits to press."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from api.console.components.elements import Text, block
from api.console.components.episodes import Episodes
from api.console.components.segments import Segments
from api.console.formats import number
from api.console.parts import Parts
from api.console.texts import Words
from api.console.trials import bars, sentence
from model.errors import BadRequestError, UnavailableError
from model.rule import Rule
from model.said import in_language, told
from model.trial import Alternative, Trial

_DAYS = {"7": "trial.days.7", "30": "trial.days.30"}


class Past:
    """The panel. ``rule``: what to try, ``None`` while it cannot be; ``on_limit``: another limit was pressed."""

    def __init__(
        self, parts: Parts, words: Words, rule: Callable[[], Rule | None], on_limit: Callable[[Alternative], None]
    ) -> None:
        self._parts, self._words, self._rule, self._on_limit = parts, words, rule, on_limit
        self._busy = False
        with block("section", "panel stack", aria_label=words("trial.title")):
            Text("h2", words("trial.title"))
            Text("p", words("trial.hint"), "small")
            with block("div", "tools"):
                self._days = Segments(
                    words("trial.span"), {name: words(key) for name, key in _DAYS.items()}, "7", lambda _: None
                )
                self._run = Text("button", words("trial.run"), "button second")
                self._run.props["type"] = "button"
                self._run.on("click", self.run)
            self._bar = block("progress", "progress", max="1", aria_label=words("trial.progress"))
            self._bar.set_visibility(False)
            self._said = Text("p", "", "breakable")
            self._said.props["role"] = "status"
            self._found = block("div", "stack")

    async def run(self) -> None:
        """Try it over the days chosen."""
        await self.tried(int(self._days.chosen))

    async def tried(self, days: int) -> Trial | None:
        """Try it over so many days and show what comes of it; ``None`` where it cannot be, and why is said."""
        rule, words = self._rule(), self._words
        if rule is None or self._busy:
            return None
        self._busy = True
        self._run.props["disabled"] = True
        self._progress(0.0)
        self._bar.set_visibility(True)
        now = self._parts.clock()
        try:
            trial = await self._parts.rules.test(rule, now - timedelta(days=days), now, self._progress)
        except (BadRequestError, UnavailableError) as error:
            why = (
                in_language(told(error), words.language)
                if isinstance(error, BadRequestError)
                else words("trouble.database")
            )
            self._said.say(words("trial.untried", why=why))
            self._found.clear()
            return None
        finally:
            self._busy = False
            self._run.props["disabled"] = False
            self._bar.set_visibility(False)
        self._show(rule, trial)
        return trial

    @property
    def said(self) -> str:
        """What the last trial came to."""
        return str(self._said.text)

    def _progress(self, share: float) -> None:
        self._bar.props["value"] = f"{share:.3f}"

    def _show(self, rule: Rule, trial: Trial) -> None:
        words = self._words
        self._said.say(sentence(trial, words))
        self._found.clear()
        with self._found:
            if trial.alternatives:
                Text("h3", words("trial.other"), "small-title")
                with block("div", "chips", role="group", aria_label=words("trial.other")):
                    self._alternatives(trial.alternatives)
            if trial.alarms:
                self._hours(trial)
            Episodes(self._parts, words, rule, trial)

    def _hours(self, trial: Trial) -> None:
        words = self._words
        Text("h3", words("trial.hours"), "small-title")
        with block("ol", "hours", aria_label=words("trial.hours")):
            for bar in bars(trial):
                said = words("trial.hour", hour=bar.label, count=number(bar.count, words.language))
                with block("li", title=said):
                    block("span", "hour-bar", aria_hidden="true").style(f"height: {bar.share}%")
                    Text("span", said, "hidden-text")
                    Text("small", bar.label if int(bar.label) % 6 == 0 else "").props["aria-hidden"] = "true"

    def _alternatives(self, each: Sequence[Alternative]) -> None:
        words, language = self._words, self._words.language
        for one in each:
            said = words("trial.other.of", limit=number(one.limit, language), count=number(one.alarms, language))
            chip = Text("button", said, "chip")
            chip.props["type"] = "button"
            chip.on("click", lambda _, one=one: self._on_limit(one))
