"""The box for one's name, remembered in a cookie: it stands in the history of what people do."""

from fastapi import Request
from nicegui import ui

from api.console.texts import Words
from api.console.who import NAME_COOKIE, known_name, said_name

_REMEMBER = """(event) => {
  const name = encodeURIComponent(event.target.value ?? "");
  document.cookie = `%s=${name}; path=/; max-age=31536000; samesite=lax`;
}"""


class Who:
    """``name``: who does it."""

    def __init__(self, request: Request, words: Words) -> None:
        self._input = ui.input(words("who.label"), value=known_name(request.cookies))
        self._input.props("dense outlined maxlength=100 autocomplete=name").classes("who")
        self._input.on("change", js_handler=_REMEMBER % NAME_COOKIE)

    @property
    def name(self) -> str:
        """The name as it is written down."""
        return said_name(str(self._input.value or ""))
