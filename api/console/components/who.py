"""The box for one's name, remembered in a cookie: it stands in the history of what people do."""

from fastapi import Request
from nicegui import ui

from api.console.reader import reader_of
from api.console.texts import Words
from api.console.who import NAME_COOKIE, known_name, said_name

_REMEMBER = """(said) => {
  const name = encodeURIComponent((typeof said === "string" ? said : said?.target?.value) ?? "");
  document.cookie = `%s=${name}; path=/; max-age=31536000; samesite=lax`;
}"""


class Who:
    """``name``: who does it. Who is logged in is known, and not asked."""

    def __init__(self, request: Request, words: Words) -> None:
        reader = reader_of(request)
        self._known = "" if reader is None else reader.asker.who
        if self._known:
            return
        self._input = ui.input(words("who.label"), value=known_name(request.cookies))
        self._input.props("dense outlined maxlength=100 autocomplete=name").classes("who")
        self._input.on("change", js_handler=_REMEMBER % NAME_COOKIE)

    @property
    def name(self) -> str:
        """The name as it is written down."""
        if self._known:
            return self._known
        return said_name(str(self._input.value or ""))
