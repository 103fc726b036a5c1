"""The live map as an element: what goes to the browser, and nothing of how it is drawn there (``city_map.js``)."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nicegui.element import Element
from nicegui.elements import leaflet  # registers Leaflet's own module with the page's import map

from api.console.city import Changes, Selection
from api.console.config import ConsoleConfig
from api.console.shapes import domain_path
from api.console.states import Health
from api.console.texts import Words
from model.device import DeviceType

_LEAFLET = Path(leaflet.__file__).parent / "dist"


class CityMap(Element, component="city_map.js"):
    """Markers on a map. ``on_ready`` is called when the browser has built it: then it wants ``load``."""

    def __init__(
        self,
        *,
        config: ConsoleConfig,
        base: str,
        words: Words,
        types: Mapping[str, DeviceType],
        on_ready: Callable[[], None],
    ) -> None:
        super().__init__()
        self.add_resource(_LEAFLET)
        self._props["base"] = base
        self._props["center"] = list(config.centre)
        self._props["zoom"] = config.zoom
        if config.tile_url:
            self._props["tiles"] = {"url": config.tile_url, "attribution": config.tile_attribution}
        self._props["words"] = {
            **{health.value: words(f"health.{health.value}") for health in Health},
            **{name: words(f"map.{name}") for name in ("sketch", "zoom_in", "zoom_out")},
        }
        self._props["types"] = {
            "": {"title": words("unknown"), "path": domain_path("other")},
            **{name: {"title": words.pick(t.title), "path": domain_path(t.domain)} for name, t in types.items()},
        }
        self.on("ready", lambda _: on_ready())

    def load(self, markers: Sequence[Sequence[object]]) -> None:
        """Replace all markers."""
        self.run_method("load", markers)

    def apply(self, changes: Changes) -> None:
        """Send what changed, in one call; nothing when nothing did."""
        updates = changes.marker_updates()
        if updates:
            self.run_method("update", updates)

    def select(self, selection: Selection, only: Sequence[int] | None) -> None:
        """Show only these devices. ``only``: the indices that match the words searched for, ``None`` without search."""
        self.run_method(
            "select",
            {
                "types": sorted(selection.types),
                "states": [health.value for health in selection.states],
                "district": selection.district,
                "only": only,
            },
        )
