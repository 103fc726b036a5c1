"""The box where one pastes hex and sees fields, or the byte at which decoding stopped. Nothing of it is stored."""

from datetime import timedelta

from nicegui import ui

from api.console.components.elements import Text, block
from api.console.components.grid import Cell, Column, Grid, Row
from api.console.formats import age, number, value
from api.console.payloads import Attempt, HexError, attempt, parse_hex
from api.console.texts import Words
from decoders.device import Decoded, Definition, Record

_MAX_PORT = 255
_SHOWN_RECORDS = 50


class Trial:
    """The box of one device type."""

    def __init__(self, definition: Definition, words: Words) -> None:
        self._definition = definition
        self._words = words
        with block("section", "panel stack", aria_label=words("type.try")):
            with block("div"):
                Text("h2", words("type.try"))
                Text("p", words("type.try.hint"), "small")
            self._hex = ui.textarea(words("type.hex")).props("outlined dense autogrow spellcheck=false maxlength=4096")
            self._hex.classes("wide hexbox").on("keydown.ctrl.enter", self._try)
            with block("div", "tools"):
                self._port = ui.number(words("type.port"), min=0, max=_MAX_PORT, precision=0).props("outlined dense")
                button = Text("button", words("type.decode"), "button")
                button.props["type"] = "button"
                button.on("click", self._try)
            self._result = block("div", "trial-result", aria_live="polite")

    def use(self, payload: bytes, f_port: int | None) -> None:
        """Put a payload into the box and try it."""
        self._hex.value = payload.hex(" ")
        self._port.value = f_port
        self._try()

    def _try(self) -> None:
        self._result.clear()
        with self._result:
            try:
                payload = parse_hex(str(self._hex.value or ""))
            except HexError as error:
                Text("p", self._words(error.key, found=error.found, position=error.position), "call alarm")
                return
            port = self._port.value
            self._show(attempt(self._definition, payload, None if port is None else int(port)))

    def _show(self, tried: Attempt) -> None:
        words = self._words
        if tried.decoded is None:
            with block("div", "call alarm"):
                Text("strong", words("type.failed", offset=tried.offset))
                Text("p", tried.problem)
            _bytes(tried)
            return
        text = words(
            "type.decoded",
            bytes=number(len(tried.payload), words.language),
            frame=tried.decoded.frame,
            records=number(len(tried.decoded.records), words.language),
        )
        Text("p", text, "good")
        for warning in tried.decoded.warnings:
            Text("p", words("type.warning", warning=warning), "call")
        self._records(tried.decoded)

    def _records(self, decoded: Decoded) -> None:
        words = self._words
        columns = [Column(key=n, label=words(f"type.{n}")) for n in ("field", "value", "name")]
        several = len(decoded.records) > 1
        for position, record in enumerate(decoded.records[:_SHOWN_RECORDS]):
            title = words(
                "type.record",
                number=position + 1,
                age=age(timedelta(microseconds=record.age_us), words.language),
            )
            if several:
                Text("h3", title, "small-title")
            Grid(columns, caption=title, stacked=False).show(self._rows(record))

    def _rows(self, record: Record) -> list[Row]:
        words = self._words
        rows = []
        for name, of in record.values.items():
            field = self._definition.type.field(name)
            said = value(of, field, words.language, yes=words("yes"), no=words("no"), nothing=words("unknown"))
            title = words.pick(field.title) if field else name
            rows.append(Row(name, (Cell(text=title), Cell(text=said, css="nowrap"), Cell(text=name, code=True))))
        return rows


def _bytes(tried: Attempt) -> None:
    """Show the payload byte by byte, the one at which decoding stopped marked; behind the end if it stopped there."""
    with block("div", "bytes"):
        for offset, byte in enumerate(tried.payload):
            Text("span", f"{byte:02x}", "byte wrong" if offset == tried.offset else "byte")
        if tried.offset >= len(tried.payload):
            Text("span", "…", "byte end")
