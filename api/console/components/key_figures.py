"""The key figures beside the map: how much arrives, how fast, what the city does, and that nothing is lost."""

from api.console.components.elements import Text, block
from api.console.feed import Feed
from api.console.figures import Balance, CityFigures, Flow
from api.console.formats import NOTHING, number
from api.console.texts import Words
from model.device import Language

_KILO, _MEGA = 1e3, 1e6


class Figure:
    """One figure: what it is, the number, small print."""

    def __init__(self, label: str, name: str) -> None:
        with block("div", f"figure figure-{name}"):
            Text("dt", label)
            with block("dd"):
                self._value = Text("span", NOTHING, "figure-value")
                self._note = Text("small", "")

    def show(self, value: str, note: str = "") -> None:
        """Show number and small print."""
        self._value.say(value)
        self._note.say(note)


class KeyFigures:
    """All of them, and the ledger as a sentence."""

    def __init__(self, words: Words) -> None:
        self._words = words
        names = ("frames", "latency", "lamps", "grid", "solar", "trams")
        with block("section", "panel", aria_label=words("figures.title")):
            with block("dl", "figures"):
                self._figures = {name: Figure(words(f"figures.{name}"), name) for name in names}
            with block("div", "ledger-line"):
                Text("h2", words("figures.ledger"), "small-title")
                self._balance = Text("p", NOTHING, "sentence")
                self._verdict = Text("p", "", "verdict")

    def show(self, feed: Feed) -> None:
        """Bring all figures up to date; sends only what changed."""
        language = self._words.language
        self._show_flow(feed.flow, language)
        self._show_city(feed.figures, language)
        self._show_balance(feed.balance, language)

    def _show_flow(self, flow: Flow, language: Language) -> None:
        words, figures = self._words, self._figures
        rate = flow.frames_per_s
        note = words("figures.workers", count=flow.workers) if flow.workers else words("figures.no_worker")
        figures["frames"].show(NOTHING if rate is None else number(rate, language, 0 if rate >= 10 else 1), note)  # noqa: PLR2004
        latency = flow.latency_p99_ms
        figures["latency"].show(NOTHING if latency is None else f"{number(latency, language, 0)}\u00a0ms")

    def _show_city(self, city: CityFigures, language: Language) -> None:
        words, figures = self._words, self._figures
        if city.lamps:
            note = words(
                "figures.lamps.detail", all=number(city.lamps, language), failing=number(city.lamps_failing, language)
            )
            figures["lamps"].show(number(city.lamps_on, language), note)
        if city.grid_power_w is not None:
            figures["grid"].show(power(city.grid_power_w, language), words("figures.grid.detail"))
        if city.solar_power_w is not None:
            demand = (city.grid_power_w or 0.0) + city.solar_power_w
            percent = number(100 * city.solar_power_w / demand, language, 0) if demand > 0 else NOTHING
            figures["solar"].show(power(city.solar_power_w, language), words("figures.solar.detail", percent=percent))
        if city.vehicles:
            note = words("figures.trams.detail", all=number(city.vehicles, language))
            figures["trams"].show(number(city.vehicles_running, language), note)

    def _show_balance(self, sums: Balance, language: Language) -> None:
        words = self._words
        self._balance.say(balance_sentence(sums, words))
        if sums.missing:
            self._verdict.say(words("figures.unbalanced", missing=number(sums.missing, language)))
            self._verdict.classes(add="bad", remove="good")
        else:
            self._verdict.say(words("figures.balanced"))
            self._verdict.classes(add="good", remove="bad")


def power(watts: float, language: Language) -> str:
    """Return a power in kW with one decimal, from 1,000 kW on in MW with two."""
    if abs(watts) >= _MEGA:
        return f"{number(watts / _MEGA, language, 2)}\u00a0MW"
    rounded = round(watts / _KILO, 1) + 0.0  # never a minus before zero
    return f"{number(rounded, language, 1)}\u00a0kW"


def balance_sentence(sums: Balance, words: Words) -> str:
    """Return the ledger's sums as a plain sentence."""
    parts = ("received", "stored", "duplicate", "quarantined")
    return words("figures.balance", **{name: number(getattr(sums, name), words.language) for name in parts})
