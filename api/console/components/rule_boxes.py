"""The boxes of the rule editor: each writes into the draft; which ones there are follows from what is chosen."""

from collections.abc import Callable, Mapping, Sequence

from nicegui import ui
from nicegui.element import Element

from api.console.components.alarm_card import button
from api.console.components.elements import Text, block
from api.console.conditions import field_of
from api.console.drafts import DAYS, SEVERAL, SORTS, Draft, DraftError, Step, as_written, sorts_of, titled
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
    "silence": ("of", "after", "times", "by"),
}
_LASTING = ("for_", "repeat")
_LONGEST = 20_000
_EXAMPLE = '{ all = [{ field = "power_w", above = 20 }, { not = { field = "lamp_on", values = [true] } }] }'
_MORE_LASTING = ("clear_for", "hold")
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "side": ("above", "below"),
    "of": ("device", "gateway", "source"),
    "by": ("cadence", "period"),
}


class RuleBoxes:
    """All boxes. ``on_change`` is called whenever the draft is another one."""

    def __init__(self, parts: Parts, words: Words, draft: Draft, on_change: Callable[[], None]) -> None:
        self._parts, self._words, self._draft, self._on_change = parts, words, draft, on_change
        self._titles: dict[str, ui.input] = {}
        self._sort_before = draft.sort
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
        if self._draft.type == SEVERAL and self._draft.base is not None:
            named = self._draft.base.scope.type
            options[SEVERAL] = ", ".join(words.pick(types[name].title) if name in types else name for name in named)
        elif self._draft.type:
            options.setdefault(self._draft.type, self._draft.type)
        self._select("type", options, self._retyped)
        self._write("devices", "editor.devices")
        districts = sorted({*self._parts.feed.city.districts(), *self._draft.districts})
        self._several("districts", {one: one for one in districts}, "editor.districts")
        with self._more("editor.whom.more", "experiments", "networks", "tags"):
            for box in ("experiments", "networks", "tags"):
                self._write(box, f"editor.{box}")

    def _more(self, key: str, *boxes: str) -> Element:
        """Return a place for boxes that few need; it is open where one of them says something."""
        usual, draft = Draft(), self._draft
        with block("details", "more") as more:
            if any(getattr(draft, box) != getattr(usual, box) for box in boxes):
                more.props["open"] = True
            Text("summary", self._words(key))
            return block("div", "boxes")

    def _retyped(self) -> None:
        if self._field() is None:
            self._draft.field = ""
            self._refit()
        self._build_what()

    def _refit(self) -> None:
        """Choose a kind of condition that the field can have, and states of it."""
        draft = self._draft
        if draft.sort != "written" and draft.field and draft.sort not in sorts_of(self._field()):
            draft.sort = sorts_of(self._field())[0]
        if states := self._states():
            draft.values = ", ".join(one for one in _split(draft.values) if one in states)
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
            with block("div", "boxes"):
                if draft.sort != "written":
                    self._select("field", self._fields(), self._refielded)
                sorts = sorts_of(self._field()) if draft.field or draft.sort != "written" else SORTS
                if draft.sort not in sorts:
                    sorts = (draft.sort, *sorts)
                self._select("sort", {name: words(f"editor.sort.{name}") for name in sorts}, self._resorted)
            if draft.sort == "written":
                self._write_long("written", 8, "code-box")
                Text("p", words("editor.written.hint", example=_EXAMPLE), "small")
                return
            with block("div", "boxes"):
                for box in _BOXES[draft.sort]:
                    self._box(box)
                if draft.sort != "silence":
                    for box in _LASTING:
                        self._box(box)
            if draft.sort != "silence":
                with self._more("editor.what.more", *_MORE_LASTING, "flagged"):
                    for box in _MORE_LASTING:
                        self._box(box)
                    self._check("flagged")

    def _resorted(self) -> None:
        """Show the boxes of another kind; what is written begins with what the boxes said."""
        draft = self._draft
        if draft.sort == "written" and not draft.written:
            try:
                draft.written = as_written(draft, self._sort_before)
            except DraftError:
                draft.written = ""
        self._sort_before = draft.sort
        self._build_what()

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
        if box in _CHOICES:
            each = (*_CHOICES[box], "beyond") if box == "side" and draft.sort == "rate" else _CHOICES[box]
            self._select(box, {one: words(f"editor.{box}.{one}") for one in each})
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
        chosen = _split(draft.values)
        options = {**{one: one for one in chosen}, **options}  # what was written stays until somebody takes it off

        def take(values: Sequence[str]) -> None:
            draft.values = ", ".join(values)
            self._changed()

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
        self._select("sun", {one: words(f"editor.sun.{one or 'always'}") for one in ("", "day", "night")})
        for box in ("start", "end"):
            self._write(box, "").props("type=time stack-label")
        self._several("days", {one: words(f"day.{one}") for one in DAYS}, "editor.days")
        channels = {one.name: one.name for one in self._parts.channels.channels()}
        channels.update({one: one for one in self._draft.notify})
        if channels:
            self._several("notify", channels, "editor.notify")
        else:
            Text("p", words("editor.notify.none"), "small")
        self._check("simulated")
        if channels:
            with self._more("editor.steps", "steps"):
                self._steps = block("div", "stack wide")
            self._build_steps(channels)

    def _build_steps(self, channels: dict[str, str]) -> None:
        """Build the steps of the escalation: after how long, whom."""
        words, draft = self._words, self._draft
        self._steps.clear()
        with self._steps:
            if not draft.steps:
                Text("p", words("editor.steps.none"), "small")
            for number, step in enumerate(draft.steps, 1):
                with block("div", "step"):
                    self._step(step, number, channels)

            async def add() -> None:
                draft.steps.append(Step("30 min"))
                self._build_steps(channels)
                self._changed()

            button(words("editor.step.add"), "button second", add)

    def _step(self, step: Step, number: int, channels: dict[str, str]) -> None:
        words, draft = self._words, self._draft

        def after(value: object) -> None:
            step.after = str(value or "")
            self._changed()

        def notify(values: Sequence[str]) -> None:
            step.notify = list(values)
            self._changed()

        async def remove() -> None:
            draft.steps.remove(step)
            self._build_steps(channels)
            self._changed()

        ui.input(words("editor.step_after"), value=step.after, on_change=lambda e: after(e.value)).props(
            "dense outlined debounce=250 maxlength=50"
        )
        ui.select(
            channels | {one: one for one in step.notify},
            value=list(step.notify),
            multiple=True,
            label=words("editor.step.notify"),
            on_change=lambda e: notify(e.value or []),
        ).props("dense outlined options-dense use-chips")
        button(words("editor.step.remove"), "button second", remove, words("editor.step.remove.of", number=number))

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
        with self._more("editor.text", "text_en", "text_fr"):
            Text("p", words("editor.text.hint"), "small wide")
            for written in ("text_en", "text_fr"):
                self._write_long(written, 2, "wide")

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
        return written.props("dense outlined debounce=250 maxlength=2000")

    def _write_long(self, box: str, rows: int, css: str) -> None:
        def take(value: object) -> None:
            setattr(self._draft, box, str(value or ""))
            self._changed()

        written = ui.textarea(self.label(box), value=getattr(self._draft, box), on_change=lambda e: take(e.value))
        written.props(f"dense outlined debounce=250 maxlength={_LONGEST} rows={rows}").classes(css)

    def _check(self, box: str) -> None:
        def take(value: bool) -> None:  # noqa: FBT001 -- a box tells it
            setattr(self._draft, box, value)
            self._changed()

        ui.checkbox(
            self._words(f"editor.{box}"), value=getattr(self._draft, box), on_change=lambda e: take(bool(e.value))
        ).props("dense")


def _split(written: str) -> list[str]:
    return [one.strip() for one in written.split(",") if one.strip()]
