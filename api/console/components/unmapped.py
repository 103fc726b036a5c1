"""What a codec says that no field takes, each path with a field that it most likely is, and a button that maps it."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from api.codecs import Left, left
from api.console.components.elements import Refresh, Text, block
from api.console.components.trial import plain
from api.console.formats import age, number, unit
from api.console.parts import Parts
from api.console.texts import Words
from decoders.device import Definition
from decoders.units import convertible
from model.device import Kind, NewField
from model.errors import BadRequestError, ConflictError
from model.quantities import QUANTITIES, ending_problem

_NOTHING = ""


class Unmapped:
    """The panel: of a device type, or of one device. It is there only while there is something to map."""

    def __init__(
        self, definition: Definition, parts: Parts, words: Words, notice: Text, device: str | None = None
    ) -> None:
        self._definition, self._parts, self._words, self._device = definition, parts, words, device
        self._lines: dict[str, Line] = {}
        self._panel = block("section", "panel", aria_label=words("unmapped.title"))
        with self._panel:
            Text("h2", words("unmapped.title"), "panel-head")
            Text("p", words("unmapped.hint"), "small")
            self._list = block("ul", "unmapped")
        self._panel.set_visibility(False)
        Refresh(15.0, self._load, notice)

    async def _load(self) -> None:
        found = {one.path: one for one in await left(self._parts.queries, self._definition, self._device)}
        for path in [path for path, line in self._lines.items() if path not in found and not line.kept]:
            self._lines.pop(path).element.delete()
        now = self._parts.clock()
        for path, one in found.items():
            line = self._lines.get(path)
            if line is None:
                with self._list:
                    line = self._lines[path] = Line(one, self._words, self._map)
            words = self._words
            devices = "" if self._device else words("unmapped.devices", count=number(one.devices, words.language))
            line.show(one, " · ".join(filter(None, (devices, words("ago", age=age(now - one.time, words.language))))))
        self._panel.set_visibility(bool(self._lines))

    async def _map(self, field: NewField) -> str:
        """Write the field; return why that cannot be, empty where it is done."""
        try:
            await self._parts.device_files.add_field(self._definition.type.name, field)
            await self._parts.note(
                "device_type.field", self._definition.type.name, after={"path": field.path, "name": field.name}
            )
        except (BadRequestError, ConflictError) as error:
            return str(error)
        return ""


class Line:
    """One path: its value, the field proposed, a button; and, when asked for, boxes to change the field before.

    ``kept``: somebody is at it, or it is mapped; it stays, whatever frames say meanwhile.
    """

    def __init__(self, of: Left, words: Words, on_map: Callable[[NewField], Awaitable[str]]) -> None:
        self._words, self._path, self._on_map = words, of.path, on_map
        self._form: Form | None = None
        self.kept = False
        proposal = of.proposal
        self._field: NewField | None = proposal
        self._text = isinstance(of.value, str)
        self.element = block("li")
        with self.element:
            with block("div", "unmapped-head"):
                Text("code", of.path, "unmapped-path breakable")
                self._value = Text("strong", "", "breakable")
                self._said = Text("span", "", "small")
            with block("div", "unmapped-field") as self._offer:
                Text("span", self._proposed(sure=proposal is None or proposal.sure), "breakable")
                with block("div", "card-buttons"):
                    change = words("unmapped.change" if self._field is not None else "unmapped.choose")
                    _button(change, "button second", self._open, f"{change} {of.path}")
                    self._direct = _button(
                        words("unmapped.map"), "button", self._take, f"{words('unmapped.map')} {of.path}"
                    )
                    self._direct.set_visibility(self._field is not None)
            self._boxes = block("div", "unmapped-boxes")
            self._boxes.set_visibility(False)
            self._problem = block("div", "call alarm", role="alert")
            with self._problem:
                Text("strong", words("unmapped.refused"))
                self._why = Text("p", "", "refusal breakable")
            self._problem.set_visibility(False)

    def show(self, of: Left, said: str) -> None:
        """Show the newest value, and who said it when."""
        self._value.say(plain(of.value, self._words))
        self._said.say(said)

    def _proposed(self, *, sure: bool) -> str:
        words, field = self._words, self._field
        if field is None:
            return words("unmapped.unclear")
        quantity = QUANTITIES[field.quantity]
        title = words.pick(field.title or quantity.title)
        told = [title, unit(quantity.unit)]
        if field.unit is not None:
            told.append(words("unmapped.said_in", unit=unit(field.unit)))
        if not sure:
            told.append(words("unmapped.unsure"))
        return f"→ {field.name} · {', '.join(filter(None, told))}"

    async def _open(self) -> None:
        """Show the boxes, or hide them again."""
        if self._form is None:
            with self._boxes:
                self._form = Form(self._path, self._field, text=self._text, words=self._words, on_map=self._take)
        self.kept = not self._boxes.visible
        self._boxes.set_visibility(self.kept)
        self._direct.set_visibility(self._field is not None and not self.kept)

    async def _take(self) -> None:
        """Map the path to the field that stands in the boxes, or is proposed."""
        form = self._form if self._boxes.visible else None
        field = self._field if form is None else form.field()
        if field is None:
            return
        why = await self._on_map(field) if field.quantity else self._words("unmapped.no_quantity")
        self._why.say(why)
        self._problem.set_visibility(bool(why))
        if not why:
            self.kept = True
            self._offer.clear()
            self._boxes.set_visibility(False)
            with self._offer:
                Text("p", self._words("unmapped.done", name=field.name), "good").props["role"] = "status"


class Form:
    """Boxes for a field: what it measures, in which unit that is said, its kind, its name."""

    def __init__(
        self,
        path: str,
        field: NewField | None,
        *,
        text: bool,
        words: Words,
        on_map: Callable[[], Awaitable[None]],
    ) -> None:
        self._path, self._words, self._title = path, words, None if field is None else field.title
        self._was = "" if field is None else field.quantity
        names = {name: words.pick(one.title) + _in(one.unit) for name, one in QUANTITIES.items()}
        names = dict(sorted(names.items(), key=lambda item: item[1].casefold()))
        self._quantity = ui.select(
            names, value=self._was or None, label=words("type.quantity"), with_input=True, on_change=self._changed
        ).props("outlined dense options-dense hide-selected fill-input")
        self._unit = ui.select({_NOTHING: "–"}, value=_NOTHING, label=words("unmapped.unit"))
        self._unit.props("outlined dense options-dense")
        kinds = {kind.value: words(f"kind.{kind.value}") for kind in Kind}
        kind = field.kind if field is not None else Kind.TEXT if text else Kind.FLOAT
        self._kind = ui.select(kinds, value=kind.value, label=words("type.kind")).props("outlined dense options-dense")
        self._name = ui.input(words("type.name"), value=field.name if field is not None else _word(path))
        self._name.props("outlined dense spellcheck=false maxlength=60")
        _button(words("unmapped.map"), "button", on_map, f"{words('unmapped.map')} {path}")
        self._offer_units(field.unit if field is not None else None)

    def field(self) -> NewField:
        """Return the field that stands in the boxes; its quantity is empty where none is chosen."""
        quantity, said = str(self._quantity.value or ""), str(self._unit.value or "")
        own = QUANTITIES[quantity].unit if quantity in QUANTITIES else ""
        return NewField(
            path=self._path,
            name=str(self._name.value or "").strip(),
            kind=Kind(str(self._kind.value)),
            quantity=quantity,
            unit=said if said != own else None,
            title=self._title if quantity == self._was else None,
        )

    def _changed(self) -> None:
        """Offer the units of another quantity, and let the name end as it wants."""
        quantity = QUANTITIES.get(str(self._quantity.value or ""))
        if quantity is None:
            return
        self._offer_units(None)
        name = str(self._name.value or "")
        if ending_problem(name, quantity):
            endings = sorted((end for one in QUANTITIES.values() for end in one.endings), key=len, reverse=True)
            bare = next((name.removesuffix(end) for end in endings if name.endswith(end)), name)
            self._name.value = bare + (quantity.endings[0] if quantity.endings else "")

    def _offer_units(self, said: str | None) -> None:
        quantity = QUANTITIES.get(str(self._quantity.value or ""))
        own = quantity.unit if quantity is not None else ""
        units = dict.fromkeys([own, *convertible(own)]) if own else {_NOTHING: None}
        self._unit.set_options({code: unit(code) or "–" for code in units}, value=said or own or _NOTHING)


def _in(code: str) -> str:
    return f" ({unit(code)})" if unit(code) else ""


def _word(path: str) -> str:
    """Return the end of a path as a name that a field may have."""
    last = path.rpartition(".")[2] or path
    bare = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in last.lower())
    return "_".join(part for part in bare.split("_") if part).lstrip("0123456789_")[:40]


def _button(label: str, css: str, on_press: Callable[[], Awaitable[None]], name: str) -> Text:
    button = Text("button", label, css)
    button.props.update({"type": "button", "aria-label": name})
    button.on("click", on_press)
    return button
