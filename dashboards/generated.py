"""The boards made from device files: one for each domain, one for each device type; and all boards together."""

from collections import Counter
from collections.abc import Sequence

from grafana_foundation_sdk.builders import table, timeseries

from dashboards import overview, sql
from dashboards.board import Board, Folder, Setting, Sheet
from dashboards.panels import HIDDEN, WHEN, Look, city_map, curves, listing, to_device
from dashboards.query import live, rows, series
from dashboards.units import SHARE, unit_id
from dashboards.variables import of, some
from model.device import DeviceType, Field, Kind
from model.quantities import QUANTITIES

NO_CURVE = frozenset({"identifier", "latitude", "longitude", "text", "timestamp"})
"""Quantities of which a mean says nothing."""
MOST = 14
"""Panels of a domain: its most common quantities."""


def boards(types: Sequence[DeviceType], setting: Setting) -> tuple[Board, ...]:
    """Return every board, in order of uid."""
    ordered = sorted(types, key=lambda each: each.name)
    domains = sorted({each.domain for each in ordered})
    made = [overview.city(setting), overview.alarms(setting), overview.health(setting), overview.device(setting)]
    made += [domain(name, [each for each in ordered if each.domain == name], setting) for name in domains]
    made += [device_type(each, setting) for each in ordered]
    return tuple(sorted(made, key=lambda board: board.uid))


def domain(name: str, types: Sequence[DeviceType], setting: Setting) -> Board:
    """Return the board of a domain: its quantities over all its types."""
    words, language = setting.words, setting.language
    title = words.domain(name)
    sheet = Sheet(setting, f"domain-{name}", title, folder(name, setting), since="now-7d", refresh="5m")
    where, alarmed = sql.chosen(domain=name), sql.chosen("a.", domain=name)
    sheet.choose_places(domain=name)
    sheet.tell_alarms(f"a.severity <> 'info' and {alarmed}")
    overview.figures(sheet, setting, where, alarmed)
    common = Counter(
        (field.quantity, field.counter) for each in types for field in each.fields if _drawn(field)
    ).most_common(MOST)
    for (quantity, counter), _ in common:
        known = QUANTITIES[quantity]
        label = f"{words.of(known.title)} ({words['increase']})" if counter else words.of(known.title)
        asked = sql.quantity(name, quantity, counter=counter, language=language)
        sheet.add(curves(label, [series(asked)], (12, 8), Look(unit_id(known.unit))))
    sheet.row(
        words["map"],
        [
            city_map(words["map"], rows(sql.places(where)), (12, 12)),
            overview.open_alarms(setting, alarmed, (12, 12)),
        ],
    )
    return sheet.done()


def device_type(made_for: DeviceType, setting: Setting) -> Board:
    """Return the board of a device type: a panel for each field, by district or by device."""
    words = setting.words
    title = words.of(made_for.title)
    name = made_for.name
    sheet = Sheet(setting, f"type-{name}", title, folder(made_for.domain, setting), since="now-24h", refresh="1m")
    where, alarmed = sql.chosen(device_type=name), sql.chosen("a.", device_type=name)
    sheet.choose(of("by", words["by"], {words["by_district"]: "district", words["by_device"]: "device"}))
    sheet.choose_places(device_type=name)
    sheet.choose(some("device", words["devices"], sql.devices(device_type=name)))
    sheet.tell_alarms(alarmed)
    overview.figures(sheet, setting, where, alarmed)
    for field in made_for.fields:
        if _drawn(field):
            sheet.add(_curves(name, field, setting))
    switches = [field for field in made_for.fields if field.kind is Kind.BOOL]
    if switches:
        asked = [
            series(sql.curves(name, field.name, words.of(field.title)), f"S{n}") for n, field in enumerate(switches)
        ]
        sheet.add(curves(words["states"], asked, (24, 8), Look(SHARE, decimals=0)))
    sheet.row(words["live"], [curves(words["live"], [live(name)], (24, 8), Look(), words["live_hint"])])
    sheet.row(words["newest"], [_newest(made_for, setting)])
    sheet.row(
        words["map"],
        [
            city_map(words["map"], rows(sql.places(where)), (12, 12)),
            overview.open_alarms(setting, alarmed, (12, 12)),
        ],
    )
    return sheet.done()


def folder(of_domain: str, setting: Setting) -> Folder:
    """Return the folder of a domain."""
    return Folder(f"penfeld-{of_domain}", f"Penfeld · {setting.words.domain(of_domain)}")


def _drawn(field: Field) -> bool:
    return field.kind in {Kind.FLOAT, Kind.INT} and field.quantity not in NO_CURVE


def _curves(device_type: str, field: Field, setting: Setting) -> timeseries.Panel:
    words = setting.words
    title = words.of(field.title)
    if field.counter:
        title = f"{title} ({words['increase']})"
        look = Look(unit_id(field.unit))
    else:
        look = Look(unit_id(field.unit), field.minimum, field.maximum)
    return curves(title, [series(sql.curves(device_type, field.name))], (12, 8), look)


def _newest(made_for: DeviceType, setting: Setting) -> table.Panel:
    words = setting.words
    columns = {
        "device": ("", HIDDEN),
        "device_name": (words["name"], to_device(words["this_device"])),
        "device_district": (words["district"], {}),
        "last_seen": (words["last_seen"], WHEN),
        **{field.name: (words.of(field.title), {"unit": unit_id(field.unit)}) for field in made_for.fields},
    }
    return listing(
        words["newest"], rows(sql.newest(made_for.name, [f.name for f in made_for.fields])), (24, 12), columns
    )
