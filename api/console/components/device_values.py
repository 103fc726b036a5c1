"""The newest values of a device: each with its unit and how old it is, and the doubts about them in plain words."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from api.console.components.elements import Text, block
from api.console.flags import alarm_texts, flag_texts
from api.console.formats import age, clock_time, value
from api.console.texts import Words
from model.device import DeviceType
from model.uplink import Value
from model.views import LatestValue


class ValueCard:
    """One value."""

    def __init__(self, name: str, device_type: DeviceType | None, words: Words) -> None:
        self._field = device_type.field(name) if device_type else None
        self._words = words
        self._card = block("div", "value-card", data_field=name)
        with self._card:
            Text("dt", words.pick(self._field.title) if self._field else name).props["title"] = name
            self._value = Text("dd", "")
            self._age = Text("small", "")

    def show(self, latest: LatestValue, now: datetime, *, flagged: bool) -> None:
        """Show value and age."""
        words = self._words
        text = value(
            latest.value, self._field, words.language, yes=words("yes"), no=words("no"), nothing=words("unknown")
        )
        self._value.say(text)
        self._age.say(words("ago", age=age(now - latest.time, words.language)))
        self._age.props["title"] = clock_time(latest.time, words.language)
        self._card.classes(add="flagged" if flagged else "", remove="" if flagged else "flagged")


class DeviceValues:
    """All of them. ``learn`` brings newer values; ``show`` draws what is known."""

    def __init__(self, device_type: DeviceType | None, words: Words) -> None:
        self._type = device_type
        self._words = words
        self._latest: dict[str, LatestValue] = {}
        self._cards: dict[str, ValueCard] = {}
        self._doubts = block("section", "call alarm", aria_label=words("device.flags"))
        with self._doubts:
            Text("h2", words("device.flags"))
            self._flags = block("ul", "flags")
        with block("section", "panel", aria_label=words("device.latest")):
            with block("div", "panel-head"):
                Text("h2", words("device.latest"))
                self._no_flags = Text("span", words("device.flags.none"), "small")
            self._place = block("dl", "values")
            self._none = Text("p", words("device.latest.none"), "muted")
        self._sentences: list[str] | None = None

    def learn(self, values: Mapping[str, LatestValue]) -> None:
        """Take over values that are not older than what is known."""
        for name, latest in values.items():
            known = self._latest.get(name)
            if known is None or latest.time >= known.time:
                self._latest[name] = latest

    def hear(self, values: Mapping[str, Value], time: datetime) -> None:
        """Take over the values of one reading."""
        self.learn({name: LatestValue(value=of, time=time) for name, of in values.items()})

    def show(self, now: datetime, flags: Sequence[str], alarms: Sequence[str]) -> None:
        """Draw values, ages and doubts as of ``now``."""
        doubtful = {flag.partition(":")[0] for flag in flags} | set(alarms)
        for name in self._ordered():
            card = self._cards.get(name)
            if card is None:
                with self._place:
                    card = self._cards[name] = ValueCard(name, self._type, self._words)
            card.show(self._latest[name], now, flagged=name in doubtful)
        self._none.set_visibility(not self._latest)
        self._show_flags([*alarm_texts(alarms, self._type, self._words), *flag_texts(flags, self._type, self._words)])

    def _ordered(self) -> list[str]:
        order = {f.name: position for position, f in enumerate(self._type.fields)} if self._type else {}
        return sorted(self._latest, key=lambda name: (order.get(name, len(order)), name))

    def _show_flags(self, sentences: list[str]) -> None:
        if sentences == self._sentences:
            return
        self._sentences = sentences
        self._flags.clear()
        with self._flags:
            for sentence in sentences:
                Text("li", sentence)
        self._doubts.set_visibility(bool(sentences))
        self._no_flags.set_visibility(bool(self._latest) and not sentences)
