"""What the console may be told: names, the map's view and, only where wanted, a tile server.

Without ``tile_url`` the console asks no other host for anything: the map then shows the drawn base of
``static/brest.geojson`` alone.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleConfig:
    """Settings of the console.

    ``tile_url``: template of a tile server with ``{z}``, ``{x}`` and ``{y}``; its terms usually demand
    ``tile_attribution`` (shown as plain text). ``centre``: latitude and longitude in degrees, WGS 84.
    ``reload_s``: seconds between two looks at the register of devices.
    """

    tile_url: str | None = None
    tile_attribution: str = ""
    centre: tuple[float, float] = (48.3935, -4.486)
    zoom: int = 13
    reload_s: float = 20.0
