"""Two buttons to turn pages, and where one is."""

from collections.abc import Callable

from api.console.components.elements import Text, block


class Pager:
    """``on_turn`` is called with -1 or 1. The labels are the caller's: previous and next, or newest and older."""

    def __init__(self, back: str, forth: str, on_turn: Callable[[int], None]) -> None:
        self._element = block("div", "pager")
        with self._element:
            self._where = Text("span", "", "muted")
            self._where.props["aria-live"] = "polite"
            self._back = _button(back, lambda: on_turn(-1))
            self._forth = _button(forth, lambda: on_turn(1))

    def show(self, where: str, *, back: bool, forth: bool) -> None:
        """Show where one is and which ways are open."""
        self._where.say(where)
        self._back.props["disabled"] = not back
        self._forth.props["disabled"] = not forth
        self._element.set_visibility(back or forth or bool(where))


def _button(label: str, on_press: Callable[[], None]) -> Text:
    button = Text("button", label, "button second")
    button.props["type"] = "button"
    button.on("click", lambda _: on_press())
    return button
