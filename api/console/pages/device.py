"""One device: what it is, what its network told, what it says now, how that went, its frames: ``/devices/{id}``."""

from collections.abc import Sequence
from urllib.parse import urlencode

from fastapi import Request
from nicegui import ui

from api.console.alarm_lines import by_urgency
from api.console.city import Changes, Spot
from api.console.components.alarm_list import AlarmList, known_of
from api.console.components.device_chart import DeviceChart
from api.console.components.device_values import DeviceValues
from api.console.components.elements import HealthBadge, Refresh, Text, block, link, mark, simulated_mark
from api.console.components.grid import Cell, Column, Grid, Row
from api.console.components.suspension import Suspension
from api.console.components.unmapped import Unmapped
from api.console.flags import flag_texts
from api.console.formats import age, clock_time, number, position, value
from api.console.frame import Page, frame, words_for
from api.console.network import Line, lines
from api.console.parts import Parts
from api.console.states import Health, alarms, traits
from api.console.texts import Words
from api.remedies import registering
from model.alarm import AlarmFilter, AlarmState
from model.device import Device, DeviceType, State
from model.errors import NotFoundError, UnavailableError
from model.status import LiveReading
from model.views import QuarantineFilter, ReadingRow

_RECENT = 8
_ALARMS = 50
_COLUMNS = ("time", "delay", "values", "flags")
_TOLD = ("fact", "value", "age")


def register(parts: Parts) -> None:
    """Make the page known."""

    @ui.page("/devices/{device_id}")
    async def page(request: Request, device_id: str) -> None:
        words = words_for(request)
        mine = parts.of(request)
        spot = mine.feed.city.spots.get(device_id)
        try:
            device = spot.device if spot else await mine.registry.device(device_id)
        except (NotFoundError, UnavailableError) as error:
            missing = isinstance(error, NotFoundError)
            ui.context.client.status_code = 404 if missing else 503
            with frame(request, "devices", words("not_found.title"), words, mine.bell):
                Text("h1", words("not_found.title"))
                Text("p", words("not_found.device", id=device_id[:100]) if missing else words("trouble.database"))
                link(words("devices.title"), "/devices")
            return
        with frame(request, "devices", device.name or device.id, words, mine.bell) as here:
            DevicePage(mine, here, device)


class DevicePage:
    """One reader's look at one device."""

    def __init__(self, parts: Parts, page: Page, device: Device) -> None:
        self._parts, self._page, self._device = parts, page, device
        self._feed = parts.feed
        self._type = parts.feed.city.types.get(device.type or "")
        self._flags: tuple[str, ...] = ()
        self._chart: DeviceChart | None = None
        self._head()
        self._build_alarms()
        definition = parts.catalogue.get(device.type or "")
        if definition is not None and definition.script is not None:
            Suspension(definition, parts, page.words, page.notice)
        with block("div", "columns"):
            with block("div", "stack"):
                self._facts()
                self._build_told()
            with block("div", "stack"):
                self._values = DeviceValues(self._type, page.words)
                if self._type is not None:
                    self._chart = DeviceChart(
                        parts.queries, parts.clock, device.id, self._type, words=page.words, notice=page.notice
                    )
                    self._build_recent()
                if definition is not None and definition.codec is not None:
                    Unmapped(definition, parts, page.words, page.notice, device.id)
        Refresh(15.0, self._load_latest, page.notice)
        Refresh(15.0, self._load_told, page.notice)
        client = ui.context.client
        client.on_delete(self._feed.listen(device.id, self._hear))
        client.on_delete(self._feed.watch(self._see))

    @property
    def _spot(self) -> Spot | None:
        return self._feed.city.spots.get(self._device.id)

    def _head(self) -> None:
        words, device, kind = self._page.words, self._device, self._type
        with block("div", "head"):
            mark(kind.domain if kind else "other")
            Text("h1", device.name or device.id)
            self._badge = HealthBadge(words, self._spot.health if self._spot else Health.NO_DATA)
            if device.simulated:
                simulated_mark(words)
        if device.simulated:
            Text("p", words("simulated.hint"), "call")
        if device.state is State.PENDING:
            how = registering(device.id, device.type, words.language)
            with block("p", "call"):
                Text("span", f"{words('device.pending')} {how} ")
                self._waiting = Text("span", "")
            Refresh(5.0, self._load_waiting, self._page.notice)
        elif kind is None:
            Text("p", words("device.unknown_type"), "call")

    def _build_alarms(self) -> None:
        words = self._page.words
        self._alarms_part = block("section", "stack", aria_label=words("device.alarms"))
        with self._alarms_part:
            Text("h2", words("device.alarms"))
            self._alarms = AlarmList(words)
        self._alarms_part.set_visibility(False)
        Refresh(2.0, self._load_alarms, self._page.notice)

    async def _load_alarms(self) -> None:
        parts = self._parts
        page = await parts.alarms.page(AlarmFilter(state=(AlarmState.OPEN,), subject=self._device.id), limit=_ALARMS)
        self._alarms.show(by_urgency(page.alarms), await known_of(parts), parts.clock())
        self._alarms_part.set_visibility(bool(page.alarms))

    async def _load_waiting(self) -> None:
        """Say how many frames a registration would bring."""
        amount = await self._parts.quarantine.count(QuarantineFilter(device=self._device.id))
        words = self._page.words
        if amount.frames:
            self._waiting.say(words("device.waiting", count=number(amount.frames, words.language)))

    def _facts(self) -> None:
        words, device = self._page.words, self._device
        with block("section", "panel", aria_label=words("device.facts")):
            Text("h2", words("device.facts"), "panel-head")
            with block("dl", "facts"):
                Text("dt", words("device.id"))
                Text("dd", device.id, "code")
                Text("dt", words("device.type"))
                with block("dd"):
                    if self._type is not None:
                        link(words.pick(self._type.title), f"/device-types/{self._type.name}")
                    else:
                        Text("span", device.type or words("unknown"))
                for key, text in _facts(device, self._type, words):
                    Text("dt", words(key))
                    Text("dd", text)
                Text("dt", words("device.last_reading"))
                self._last = Text("dd", words("never"))
            link(words("device.quarantine"), f"/quarantine?device={device.id}", "small spaced")
            if self._type is not None:
                asked = urlencode({"type": self._type.name, "device": device.id})
                link(words("device.new_rule"), f"/rules/new?{asked}", "button second spaced")

    def _build_told(self) -> None:
        words = self._page.words
        self._told = block("section", "panel told", aria_label=words("device.told"))
        with self._told:
            Text("h2", words("device.told"), "panel-head")
            columns = [Column(key=n, label=words(f"device.told.{n}"), align="end" if n == "age" else "") for n in _TOLD]
            self._told_grid = Grid(columns, caption=words("device.told"), stacked=False)
        self._told.set_visibility(False)

    def _build_recent(self) -> None:
        words = self._page.words
        with block("section", "panel", aria_label=words("device.frames")):
            Text("h2", words("device.frames"), "panel-head")
            columns = [Column(key=n, label=words(f"device.frames.{n}")) for n in _COLUMNS]
            self._recent = Grid(columns, caption=words("device.frames"), empty=words("device.latest.none"))
        Refresh(4.0, self._load_recent, self._page.notice)

    async def _load_latest(self) -> None:
        for latest in await self._parts.queries.latest(devices=[self._device.id]):
            self._values.learn(latest.values)
            self._flags = latest.flags
        self._show()

    async def _load_told(self) -> None:
        """Show what the network told; nothing at all where it told nothing."""
        state = await self._parts.queries.state(self._device.id)
        words = self._page.words
        self._told_grid.show([told_row(line, words) for line in lines(state, self._feed.now, words)])
        self._told.set_visibility(bool(state))

    async def _load_recent(self) -> None:
        if self._type is None:
            return
        page = await self._parts.queries.readings(
            self._type, devices=[self._device.id], limit=_RECENT, newest_first=True
        )
        self._recent.show([recent_row(row, self._type, self._page.words) for row in page.rows])

    def _hear(self, reading: LiveReading) -> None:
        self._values.hear(reading.values, reading.time)
        if self._chart is not None:
            self._chart.hear(reading)

    def _see(self, _: Changes) -> None:
        self._show()

    def _show(self) -> None:
        spot, words = self._spot, self._page.words
        now = self._feed.now
        flags = self._flags
        trouble: tuple[str, ...] = ()
        if spot is not None:
            self._badge.show(spot.health)
            if spot.time is not None:
                said = words("ago", age=age(now - spot.time, words.language))
                self._last.say(f"{said} ({clock_time(spot.time, words.language)})")
                flags = spot.flags
            trouble = alarms(spot.traits, spot.values)
        self._values.show(now, flags, trouble)


def _facts(device: Device, kind: DeviceType | None, words: Words) -> list[tuple[str, str]]:
    language = words.language
    facts = [("device.state", words(f"state.{device.state.value}")), ("device.network", device.network or "–")]
    if kind is not None:
        facts.append(("device.period", age(kind.period, language)))
    moving = kind is not None and traits(kind).moving  # its values say where it is
    if not moving and device.latitude is not None and device.longitude is not None:
        facts.append(("device.position", position(device.latitude, device.longitude, language)))
    optional = (
        ("device.district", device.district),
        ("device.experiment", device.experiment),
        ("device.tags", ", ".join(f"{name}: {text}" for name, text in device.tags.items())),
        ("device.first_seen", clock_time(device.first_seen, language) if device.first_seen else None),
    )
    return facts + [(key, text) for key, text in optional if text]


def told_row(line: Line, words: Words) -> Row:
    """Return one fact that the network told as a row."""
    badge = words("simulated") if line.simulated else ""
    return Row(
        line.name,
        (
            Cell(text=line.title, badge=badge, badge_hint=words("simulated.hint")),
            Cell(text=line.text, css="breakable"),
            Cell(text=line.age, hint=line.time, css="nowrap"),
        ),
    )


def recent_row(row: ReadingRow, kind: DeviceType, words: Words) -> Row:
    """Return one reading as a row: when, how late, all its values in one line, doubts."""
    language = words.language
    said = []
    for field in kind.fields:
        of = row.values.get(field.name)
        if of is not None:
            text = value(of, field, language, yes=words("yes"), no=words("no"))
            said.append(f"{words.pick(field.title)} {text}")
    doubts: Sequence[str] = list(flag_texts(row.flags, kind, words))
    return Row(
        f"{row.time.isoformat()}",
        (
            Cell(
                text=clock_time(row.time, language),
                css="nowrap",
                badge=words("simulated") if row.simulated else "",
                badge_hint=words("simulated.hint"),
            ),
            Cell(text=age(row.received_at - row.time, language), css="nowrap"),
            Cell(text=" · ".join(said), css="long"),
            Cell(text="; ".join(doubts) or "–", tone="bad" if doubts else "", css="long"),
        ),
    )
