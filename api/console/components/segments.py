"""A row of buttons of which exactly one is pressed."""

from collections.abc import Callable, Mapping

from api.console.components.elements import Text, block


class Segments:
    """``choices``: value -> label. ``on_choice`` is called with the value pressed."""

    def __init__(self, label: str, choices: Mapping[str, str], chosen: str, on_choice: Callable[[str], None]) -> None:
        self.chosen = chosen
        self._on_choice = on_choice
        self._buttons: dict[str, Text] = {}
        with block("div", "segments", role="group", aria_label=label):
            for value, text in choices.items():
                self._buttons[value] = self._button(value, text)
        self._show()

    def _button(self, value: str, text: str) -> Text:
        button = Text("button", text)
        button.props["type"] = "button"
        button.on("click", lambda _: self._press(value))
        return button

    def _press(self, value: str) -> None:
        if value != self.chosen:
            self.chosen = value
            self._show()
            self._on_choice(value)

    def _show(self) -> None:
        for value, button in self._buttons.items():
            button.props["aria-pressed"] = "true" if value == self.chosen else "false"
