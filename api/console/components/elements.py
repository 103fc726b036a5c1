"""The small parts that pages are made of: plain HTML elements whose content is always text, never HTML."""

from collections.abc import Awaitable, Callable

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from api.console.shapes import glyph
from api.console.states import Health
from api.console.texts import Words
from model.errors import UnavailableError


class Text(TextElement):
    """An element of any tag that holds one text."""

    def __init__(self, tag: str, text: str, css: str = "") -> None:
        super().__init__(tag=tag, text=text)
        if css:
            self.classes(css)

    def say(self, text: str) -> None:
        """Change the text; costs nothing when it is the same."""
        if text != self.text:
            self.set_text(text)


def block(tag: str, css: str = "", **props: str) -> Element:
    """Return an element that holds others. ``props``: its attributes, with ``_`` for ``-``; empty ones are left out."""
    element = Element(tag)
    if css:
        element.classes(css)
    for name, value in props.items():
        if value:
            element.props[name.replace("_", "-")] = value
    return element


def link(text: str, target: str, css: str = "") -> ui.link:
    """Return a link within the console."""
    return ui.link(text, target).classes(css)


def mark(domain: str, health: Health | None = None, css: str = "") -> ui.html:
    """Return the mark of a domain, drawn as on the map."""
    return ui.html(glyph(domain, health), sanitize=False, tag="span").classes(f"mark {css}")


class HealthBadge:
    """A device's state: sign and word, which can change."""

    def __init__(self, words: Words, health: Health) -> None:
        self._words = words
        self._health = health
        self._element = Text("span", words(f"health.{health.value}"), _badge(health))

    def show(self, health: Health) -> None:
        """Show another state."""
        if health is not self._health:
            self._element.classes(add=_badge(health), remove=_badge(self._health))
            self._element.say(self._words(f"health.{health.value}"))
            self._health = health


def _badge(health: Health) -> str:
    return f"state state-{health.value.replace('_', '-')}"


def simulated_mark(words: Words) -> Text:
    """Return the mark of simulated data."""
    sign = Text("span", words("simulated"), "simulated")
    sign.props["title"] = words("simulated.hint")
    return sign


class Refresh:
    """Calls ``load`` now and every ``seconds`` while the page is open; an unanswered question is no error of the page.

    While the database does not answer, what is shown stays, and ``notice`` says so.
    """

    def __init__(self, seconds: float, load: Callable[[], Awaitable[None]], notice: Element) -> None:
        self._load = load
        self._notice = notice
        self._busy = False
        ui.timer(seconds, self.now)

    def soon(self) -> None:
        """Load as soon as possible: somebody asked for something else."""
        ui.timer(0.05, self.now, once=True)

    async def now(self) -> None:
        """Load now, unless it is being done already."""
        if self._busy:
            return
        self._busy = True
        try:
            await self._load()
        except UnavailableError:
            self._notice.set_visibility(True)
        else:
            self._notice.set_visibility(False)
        finally:
            self._busy = False
