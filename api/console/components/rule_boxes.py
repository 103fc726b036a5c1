"""The boxes of the rule editor: each writes into the draft; which ones there are follows from what is chosen."""

from collections.abc import Callable, Mapping, Sequence

from nicegui import ui
from nicegui.element import Element

from api.console.components.elements import Text, block
from api.console.conditions import field_of, waited_for
from api.console.drafts import Draft, sorts_of, titled
from api.console.formats import unit
from api.console.parts import Parts
from api.console.texts import Words
from model.device import DeviceType, Field, Kind
from model.severity import SEVERITIES

_MEASURED = ("limit", "clear", "low", "high", "margin", "tolerance")
_BOXES: Mapping[str, tuple[str, ...]] = {
    "threshold": ("side", "limit", "clear"),
    "range": ("low", "high", "margin"),
    "is": ("values",),
    "rate": ("side", "limit", "per", "clear"),
    "stuck": ("tolerance",),
    "silence": ("after",),
    "kept": (),
}
_LASTING = ("for_", "repeat")


class RuleBoxes:
    """All boxes. ``on_change`` is called whenever the draft is another one."""

    def __init__(self, parts: Parts, words: Words, draft: Draft, on_change: Callable[[], None]) -> None:
        self._parts, self._words, self._draft, self._on_change = parts, words, draft, on_change
        self._titles: dict[str, ui.input] = {}
        with self._panel("editor.whom"):
            self._whom()
        with self._panel("editor.what", "stack"):
            self._what = block("div", "stack")
        with self._panel("editor.how"):
            self._how()
        with self._panel("editor.called"):
            self._called()
        self._build_what()

    def _panel(self, key: str, css: str = "boxes") -> Element:
        panel = block("section", "panel stack", aria_label=self._words(key))
        with panel:
            Text("h2", self._words(key))
            return block("div", css)

    def label(self, box: str) -> str:
        """Return what a box is called."""
        key = {"for_": "for"}.get(box, box)
        if box in _MEASURED:
            return self._words(f"editor.{key}", unit=self._unit())
        return self._words(f"editor.{key}")

    def rewrite(self) -> None:
        """Build the boxes of the condition again: the draft was changed from elsewhere."""
        self._build_what()
        self._changed()

    # --- who is watched

    def _types(self) -> Sequence[DeviceType]:
        types = self._parts.feed.city.types
        draft = self._draft
        if draft.type in types:
            return [types[draft.type]]
        named = draft.base.scope.type if draft.base is not None else ()
        return [types[name] for name in named if name in types] or list(types.values())

    def _field(self) -> Field | None:
        return field_of(self._draft.field, self._types())

    def _unit(self) -> str:
        field = self._field()
        sign = unit(field.unit) if field is not None else ""
        return f" ({sign})" if sign else ""

    def _whom(self) -> None:
        words, types = self._words, self._parts.feed.city.types
        titles = sorted((words.pick(one.title), name) for name, one in types.items())
        options = {"": words("editor.type.any"), **{name: title for title, name in titles}}
        self._select("type", options, self._retyped)
        self._write("devices", "editor.devices")
        districts = sorted({*self._parts.feed.city.districts(), *self._draft.districts})
        self._several("districts", {one: one for one in districts}, "editor.districts")

    def _retyped(self) -> None:
        if self._field() is None:
            self._draft.field = ""
            self._refit()
        self._build_what()

    def _refit(self) -> None:
        """Choose a kind of condition that the field can have."""
        draft = self._draft
        if draft.sort != "kept" and draft.field and draft.sort not in sorts_of(self._field()):
            draft.sort = sorts_of(self._field())[0]
        field = self._field()
        if field is not None and field.kind is Kind.BOOL and not draft.values:
            draft.values = "true"

    def _refielded(self) -> None:
        self._refit()
        self._build_what()

    # --- what it waits for

    def _build_what(self) -> None:
        words, draft = self._words, self._draft
        self._what.clear()
        with self._what:
            if draft.sort == "kept" and draft.base is not None:
                Text("p", words("editor.kept"), "small")
                said = waited_for(draft.base, self._parts.feed.city.types, words)
                Text("p", said, "call breakable")
                return
            with block("div", "boxes"):
                self._select("field", self._fields(), self._refielded)
                sorts = sorts_of(self._field()) if draft.field else sorts_of(None)
                if draft.sort not in sorts:
                    sorts = (draft.sort, *sorts)
                self._select("sort", {name: words(f"editor.sort.{name}") for name in sorts}, self._build_what)
            with block("div", "boxes"):
                for box in _BOXES[draft.sort]:
                    self._box(box)
                if draft.sort != "silence":
                    for box in _LASTING:
                        self._box(box)

    def _fields(self) -> dict[str, str]:
        words = self._words
        options = {"": words("editor.field.none")}
        for kind in self._types():
            for field in kind.fields:
                sign = unit(field.unit)
                options.setdefault(field.name, words.pick(field.title) + (f" ({sign})" if sign else ""))
        if self._draft.field:
            options.setdefault(self._draft.field, self._draft.field)
        return options

    def _box(self, box: str) -> None:
        words, draft = self._words, self._draft
        if box == "side":
            sides = ("above", "below", "beyond") if draft.sort == "rate" else ("above", "below")
            self._select("side", {side: words(f"editor.side.{side}") for side in sides})
        elif box == "values" and (options := self._states()):
            self._states_box(options)
        else:
            key = "editor.values.written" if box == "values" else ""
            self._write(box, key)

    def _states(self) -> dict[str, str]:
        field = self._field()
        if field is None:
            return {}
        if field.kind is Kind.BOOL:
            return {"true": self._words("yes"), "false": self._words("no")}
        return {one: one for one in field.choices}

    def _states_box(self, options: dict[str, str]) -> None:
        draft = self._draft
        chosen = [one.strip() for one in draft.values.split(",") if one.strip() in options]

        def take(values: Sequence[str]) -> None:
            draft.values = ", ".join(values)
            self._changed()

        draft.values = ", ".join(chosen)
        ui.select(
            options,
            value=chosen,
            multiple=True,
            label=self._words("editor.values"),
            on_change=lambda e: take(e.value or []),
        ).props("dense outlined options-dense")

    # --- when, who, name

    def _how(self) -> None:
        words = self._words
        self._select("severity", {one: words(f"severity.{one}") for one in reversed(SEVERITIES)})
        each = ("always", "day", "night", "hours")
        self._select("when", {one: words(f"editor.when.{one}") for one in each}, self._show_hours)
        self._hours = [self._write(box, "").props("type=time stack-label") for box in ("start", "end")]
        self._show_hours()
        channels = {one.name: one.name for one in self._parts.channels.channels()}
        channels.update({one: one for one in self._draft.notify})
        if channels:
            self._several("notify", channels, "editor.notify")
        else:
            Text("p", words("editor.notify.none"), "small")
        draft = self._draft

        def simulated(value: bool) -> None:  # noqa: FBT001 -- a box tells it
            draft.simulated = value
            self._changed()

        ui.checkbox(
            words("editor.simulated"), value=draft.simulated, on_change=lambda e: simulated(bool(e.value))
        ).props("dense")

    def _show_hours(self) -> None:
        for box in self._hours:
            box.set_visibility(self._draft.when == "hours")

    def _called(self) -> None:
        draft, words = self._draft, self._words
        for language in ("en", "fr"):
            name = f"title_{language}"
            box = ui.input(words(f"editor.title.{language}"), value=getattr(draft, name))
            box.props("dense outlined maxlength=200")
            box.on("update:model-value", lambda _, name=name: self._titled(name))
            self._titles[name] = box
        self._name = ui.input(words("editor.name"), value=draft.name).props("dense outlined maxlength=100")
        self._name.on("update:model-value", lambda _: self._named())
        if draft.base is not None:
            self._name.props("readonly")

    def _titled(self, name: str) -> None:
        self._draft.titled = True
        setattr(self._draft, name, str(self._titles[name].value or ""))
        self._on_change()

    def _named(self) -> None:
        self._draft.named = True
        self._draft.name = str(self._name.value or "")
        self._on_change()

    def show_name(self, name: str) -> None:
        """Show the name that follows from the draft."""
        self._draft.name = name
        self._name.value = name

    def _changed(self) -> None:
        draft = self._draft
        if not draft.titled:
            draft.title_en, draft.title_fr = titled(draft, self._parts.feed.city.types)
            for name, box in self._titles.items():
                box.value = getattr(draft, name)
        self._on_change()

    # --- single boxes

    def _select(self, box: str, options: dict[str, str], then: Callable[[], None] | None = None) -> None:
        def take(value: object) -> None:
            setattr(self._draft, box, str(value or ""))
            if then is not None:
                then()
            self._changed()

        value = getattr(self._draft, box)
        ui.select(
            options,
            value=value if value in options else next(iter(options)),
            label=self._words(f"editor.{box}"),
            on_change=lambda e: take(e.value),
        ).props("dense outlined options-dense")

    def _several(self, box: str, options: dict[str, str], key: str) -> None:
        def take(values: Sequence[str]) -> None:
            setattr(self._draft, box, list(values))
            self._changed()

        ui.select(
            options,
            value=list(getattr(self._draft, box)),
            multiple=True,
            label=self._words(key),
            on_change=lambda e: take(e.value or []),
        ).props("dense outlined options-dense use-chips")

    def _write(self, box: str, key: str) -> ui.input:
        def take(value: object) -> None:
            setattr(self._draft, box, str(value or ""))
            self._changed()

        label = self._words(key) if key else self.label(box)
        written = ui.input(label, value=getattr(self._draft, box), on_change=lambda e: take(e.value))
        return written.props("dense outlined debounce=250 maxlength=200")
