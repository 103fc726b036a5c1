"""The box where one pastes hex and sees fields, or the byte at which decoding stopped. Nothing of it is stored."""

from collections.abc import Mapping
from datetime import timedelta

from nicegui import ui

from api.console.components.elements import Text, block
from api.console.components.grid import Cell, Column, Grid, Row
from api.console.formats import age, number, value
from api.console.parts import Parts
from api.console.payloads import Attempt, HexError, attempt, parse_hex
from api.console.texts import Words
from decoders.device import Decoded, Definition, Record
from model.value import Value

_MAX_PORT = 255
_SHOWN_RECORDS = 50


class Trial:
    """The box of one device type."""

    def __init__(self, definition: Definition, parts: Parts, words: Words) -> None:
        self._definition = definition
        self._parts = parts
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

    async def use(self, payload: bytes, f_port: int | None) -> None:
        """Put a payload into the box and try it."""
        self._hex.value = payload.hex(" ")
        self._port.value = f_port
        await self._try()

    async def _try(self) -> None:
        try:
            payload = parse_hex(str(self._hex.value or ""))
        except HexError as error:
            self._result.clear()
            with self._result:
                Text("p", self._words(error.key, found=error.found, position=error.position), "call alarm")
            return
        port = None if self._port.value is None else int(self._port.value)
        parts = self._parts
        tried = await attempt(self._definition, payload, port, codecs=parts.codecs, at=parts.clock())
        self._result.clear()
        with self._result:
            self._show(tried)

    def _show(self, tried: Attempt) -> None:
        words = self._words
        if tried.said is None:
            where = words("type.failed") if tried.offset is None else words("type.failed.at", offset=tried.offset)
            with block("div", "call alarm"):
                Text("strong", where)
                Text("p", tried.problem, "breakable")
            if tried.offset is not None:
                _bytes(tried.payload, tried.offset)
            return
        decoded = tried.said.decoded
        text = words(
            "type.decoded" if tried.said.output is None else "type.decoded.codec",
            bytes=number(len(tried.payload), words.language),
            frame=decoded.frame,
            records=number(len(decoded.records), words.language),
        )
        Text("p", text, "good")
        for warning in decoded.warnings:
            Text("p", words("type.warning", warning=warning), "call")
        self._records(decoded)
        self._rest(tried.said.rest)
        if tried.said.log:
            Text("h3", words("type.log.script"), "small-title")
            Text("pre", "\n".join(tried.said.log), "dump wrapped").props["tabindex"] = "0"

    def _rest(self, rest: Mapping[str, Value]) -> None:
        """Show what no field takes."""
        words = self._words
        if not rest:
            return
        title = words("type.rest")
        Text("h3", title, "small-title")
        columns = [Column(key="path", label=words("type.path")), Column(key="value", label=words("type.value"))]
        rows = [Row(path, (Cell(text=path, code=True), Cell(text=plain(of, words)))) for path, of in rest.items()]
        Grid(columns, caption=title, stacked=False).show(rows)

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


def plain(of: Value, words: Words) -> str:
    """Return a value that no field gives a unit."""
    return value(of, None, words.language, yes=words("yes"), no=words("no"), nothing=words("unknown"))


def _bytes(payload: bytes, stopped: int) -> None:
    """Show the payload byte by byte, the one at which decoding stopped marked; behind the end if it stopped there."""
    with block("div", "bytes"):
        for offset, byte in enumerate(payload):
            Text("span", f"{byte:02x}", "byte wrong" if offset == stopped else "byte")
        if stopped >= len(payload):
            Text("span", "…", "byte end")
