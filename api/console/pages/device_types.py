"""The catalogue: which sensor models are understood: ``/device-types``."""

from collections import Counter

from fastapi import Request
from nicegui import ui

from api.console.components.elements import Text, block
from api.console.components.grid import Cell, Column, Grid, Row
from api.console.formats import age, number
from api.console.frame import frame, words_for
from api.console.parts import Parts
from api.console.shapes import PATHS
from api.console.texts import Words
from model.device import DeviceType

_COLUMNS = ("type", "domain", "networks", "period", "fields", "devices")
NETWORKS = {"lorawan": "LoRaWAN", "sigfox": "Sigfox", "native": "MQTT"}


def register(parts: Parts) -> None:
    """Make the page known."""

    @ui.page("/device-types")
    def page(request: Request) -> None:
        words = words_for(request)
        mine = parts.of(request)
        types = sorted(mine.feed.city.types.values(), key=lambda t: (not t.reference, t.domain, t.name))
        with frame(request, "device_types", words("types.title"), words, mine.bell):
            with block("div", "head"):
                Text("h1", words("types.title"))
                Text("p", words("types.intro"), "lead")
            with block("div", "tools"):
                search = ui.input(words("types.search")).props("dense outlined clearable debounce=200 type=search")
                search.classes("grow")
            with block("section", "panel"):
                columns = [
                    Column(key=n, label=words(f"types.{n}"), align="end" if n in {"fields", "devices"} else "")
                    for n in _COLUMNS
                ]
                grid = Grid(columns, caption=words("types.title"), empty=words("types.none"))

            def show() -> None:
                counts = Counter(spot.device.type for spot in mine.feed.city.spots.values())
                grid.show([_row(t, counts[t.name], words) for t in types if _matches(t, search.value or "", words)])

            search.on_value_change(show)
            show()
            ui.timer(5.0, show)


def _matches(kind: DeviceType, search: str, words: Words) -> bool:
    text = " ".join(
        (kind.name, kind.title.en, kind.title.fr, kind.vendor, kind.model, kind.domain, domain_title(kind, words))
    ).casefold()
    return all(word in text for word in search.casefold().split())


def domain_title(kind: DeviceType, words: Words) -> str:
    """Return a type's domain in words."""
    return words(f"domain.{kind.domain if kind.domain in PATHS else 'other'}")


def _row(kind: DeviceType, devices: int, words: Words) -> Row:
    language = words.language
    return Row(
        kind.name,
        (
            Cell(
                text=words.pick(kind.title),
                href=f"/device-types/{kind.name}",
                note=kind.name,
                badge=words("types.reference") if kind.reference else "",
                badge_hint=words("types.reference.hint"),
            ),
            Cell(text=domain_title(kind, words)),
            Cell(text=", ".join(NETWORKS.get(n, n) for n in kind.networks)),
            Cell(text=age(kind.period, language)),
            Cell(text=number(len(kind.fields), language)),
            Cell(text=number(devices, language), href=f"/devices?type={kind.name}" if devices else ""),
        ),
    )
