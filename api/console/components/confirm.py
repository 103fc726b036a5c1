"""A question before something is done: what would happen, a button that does it, and one that does not."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from api.console.components.elements import Text, block


class Confirm:
    """``ask`` opens the question; ``on_yes`` is called when it is answered with yes."""

    def __init__(self, title: str, yes: str, no: str) -> None:
        self._on_yes: Callable[[], Awaitable[None]] | None = None
        with ui.dialog() as self._dialog, block("div", "panel confirm"):  # Quasar lets only a div be clicked
            Text("h2", title)
            self._text = Text("p", "")
            with block("div", "confirm-buttons"):
                self._button(no, "button second").on("click", lambda _: self._dialog.close())
                self._yes = self._button(yes, "button")
                self._yes.on("click", self._answered)

    def _button(self, label: str, css: str) -> Text:
        button = Text("button", label, css)
        button.props["type"] = "button"
        return button

    def ask(self, text: str, on_yes: Callable[[], Awaitable[None]] | None) -> None:
        """Ask; without ``on_yes`` there is nothing to do, and only the text is shown."""
        self._text.say(text)
        self._on_yes = on_yes
        self._yes.props["disabled"] = on_yes is None
        self._dialog.open()

    async def _answered(self) -> None:
        self._dialog.close()
        if self._on_yes is not None:
            await self._on_yes()
