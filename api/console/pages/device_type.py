"""One device type: its fields, its frames, its examples, and a box to try a frame: ``/device-types/{name}``."""

import json
from datetime import timedelta

from fastapi import Request
from nicegui import ui

from api.console.components.elements import Text, block, link, mark
from api.console.components.grid import Cell, Column, Grid, Row
from api.console.components.suspension import Suspension
from api.console.components.trial import Trial
from api.console.components.unmapped import Unmapped
from api.console.flags import plausible
from api.console.formats import age, unit
from api.console.frame import Page, frame, words_for
from api.console.pages.device_types import NETWORKS, domain_title
from api.console.parts import Parts
from api.console.texts import Words
from decoders.device import Definition, Example, Frame
from decoders.mapping import Place
from model.device import Field, Kind
from model.quantities import QUANTITIES

_NATIVE = "native"
_SAMPLES = 3
_FIELD_COLUMNS = ("field", "name", "quantity", "unit", "range", "kind")


def register(parts: Parts) -> None:
    """Make the page known."""

    @ui.page("/device-types/{name}")
    def page(request: Request, name: str) -> None:
        words = words_for(request)
        mine = parts.of(request)
        definition = mine.catalogue.get(name)
        if definition is None:
            ui.context.client.status_code = 404
            with frame(request, "device_types", words("not_found.title"), words, mine.bell):
                Text("h1", words("not_found.title"))
                Text("p", words("not_found.type", id=name[:100]))
                link(words("types.title"), "/device-types")
            return
        with frame(request, "device_types", words.pick(definition.type.title), words, mine.bell) as here:
            _build(definition, mine, here)


def _build(definition: Definition, parts: Parts, page: Page) -> None:
    kind, words = definition.type, page.words
    with block("div", "head"):
        mark(kind.domain)
        Text("h1", words.pick(kind.title))
        Text("code", kind.name, "muted")
        if kind.reference:
            Text("span", words("types.reference"), "simulated").props["title"] = words("types.reference.hint")
    if definition.script is not None:
        Suspension(definition, parts, words, page.notice)
    decodes = bool(definition.frames) or definition.codec is not None
    with block("div", "columns"):
        with block("div", "stack"):
            _facts(definition, words)
            if definition.frames:
                _frames(definition, words)
        with block("div", "stack"):
            if _NATIVE in kind.networks:
                _native(definition, words)
            if definition.codec is not None:
                Unmapped(definition, parts, words, page.notice)
            if decodes:
                trial = Trial(definition, parts, words)
                if definition.examples:
                    _examples(definition, trial, words)
            _fields(definition, words)


def _facts(definition: Definition, words: Words) -> None:
    kind = definition.type
    facts = [
        ("type.vendor", f"{kind.vendor} · {kind.model}"),
        ("types.domain", domain_title(kind, words)),
        ("types.networks", ", ".join(NETWORKS.get(n, n) for n in kind.networks)),
        ("types.period", age(kind.period, words.language)),
        ("type.source", kind.source),
        ("type.version", kind.version),
    ]
    with block("section", "panel"), block("dl", "facts"):
        for key, text in [*facts, *_codec(definition, words)]:
            Text("dt", words(key))
            Text("dd", text)


def _codec(definition: Definition, words: Words) -> list[tuple[str, str]]:
    """Return what there is to say of what reads the payloads, where that is no layout."""
    codec = definition.codec
    if codec is None:
        return []
    optional = (
        ("type.script", codec.script),
        ("type.format", codec.format.name if codec.format is not None else None),
        ("type.times", ", ".join(codec.times)),
        ("type.variables", ", ".join(f"{name} = {text}" for name, text in codec.variables.items())),
        ("type.fields", words("type.fields.none") if not codec.places else None),
    )
    return [(key, text) for key, text in optional if text]


def _native(definition: Definition, words: Words) -> None:
    kind = definition.type
    values = {field.name: sample(field) for field in kind.fields[:_SAMPLES]}
    with block("section", "panel stack"):
        Text("h2", words("type.native"), "panel-head")
        Text("p", words("type.native.hint"), "small")
        Text("code", f"penfeld/v1/{kind.name}/DEVICE/up", "code breakable")
        Text("code", json.dumps({"values": values}), "code breakable")
        if definition.frames:
            Text("p", words("type.native.raw"), "small")


def sample(field: Field) -> float | bool | str:
    """Return a value that the field may well have."""
    if field.kind is Kind.BOOL:
        return True
    if field.kind is Kind.TEXT:
        return field.choices[0] if field.choices else "text"
    low, high = field.minimum, field.maximum
    return 1 if low is None or high is None else round((low + high) / 2)


def _fields(definition: Definition, words: Words) -> None:
    kind, codec = definition.type, definition.codec
    if not kind.fields:
        return
    places = {place.field: place for place in codec.places} if codec is not None else {}
    columns = _FIELD_COLUMNS if codec is None else (*_FIELD_COLUMNS, "path")
    with block("section", "panel"):
        Text("h2", words("type.fields"), "panel-head")
        grid = Grid([Column(key=n, label=words(f"type.{n}")) for n in columns], caption=words("type.fields"))
        grid.show([_field(f, places.get(f.name), words) for f in kind.fields])


def _field(field: Field, place: Place | None, words: Words) -> Row:
    quantity = QUANTITIES.get(field.quantity)
    cells = (
        Cell(text=words.pick(field.title), note=", ".join(field.choices)),
        Cell(text=field.name, code=True),
        Cell(text=words.pick(quantity.title) if quantity else field.quantity),
        Cell(text=unit(field.unit) or "–"),
        Cell(text=plausible(field, words), css="nowrap"),
        Cell(text=field.kind.value),
    )
    if place is None:
        return Row(field.name, cells)
    other = words("unmapped.said_in", unit=unit(place.unit)) if place.unit != field.unit else ""
    return Row(field.name, (*cells, Cell(text=place.path, code=True, note=other, css="breakable")))


def _frames(definition: Definition, words: Words) -> None:
    titles = {f.name: words.pick(f.title) for f in definition.type.fields}
    with block("section", "panel"):
        Text("h2", words("type.frames"), "panel-head")
        for frame_ in definition.frames:
            with block("div", "frame-card"):
                _frame(frame_, titles, words)


def _frame(of: Frame, titles: dict[str, str], words: Words) -> None:
    with block("div", "aside-card-head"):
        Text("strong", of.name or words("type.frame"), "plain-strong")
        ports = ", ".join(str(port) for port in of.f_ports) or words("type.port.any")
        Text("span", f"{words('type.port')} {ports}", "tag")
        if of.log is not None:
            Text("span", words("type.log", step=_step(of.log.step_s, of.log.step_word, words)), "tag")
    Text("p", ", ".join(titles.get(name, name) for name in (*of.fields, *of.derived)), "small")


def _step(seconds: int, word: str | None, words: Words) -> str:
    if word is not None:
        return words("type.log.told")
    if not seconds:
        return words("type.log.own")
    return words("type.log.every", age=age(timedelta(seconds=seconds), words.language))


def _examples(definition: Definition, trial: Trial, words: Words) -> None:
    with block("section", "panel"):
        Text("h2", words("type.examples"), "panel-head")
        for example in definition.examples:
            with block("div", "frame-card"):
                _example(example, trial, words)


def _example(example: Example, trial: Trial, words: Words) -> None:
    with block("div", "aside-card-head"):
        Text("strong", example.name, "plain-strong")
        if example.f_port is not None:
            Text("span", f"{words('type.port')} {example.f_port}", "tag")
        button = Text("button", words("type.use"), "plain")
        button.props["type"] = "button"
        button.on("click", lambda _: trial.use(example.payload, example.f_port))
    Text("code", example.payload.hex(" "), "code breakable")
    if example.error is not None:
        Text("p", words("type.example.error", error=example.error), "small")
