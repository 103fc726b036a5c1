"""The boards of which there is one: the city, alarms, the platform itself, and the page of a device."""

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models import dashboard as models

from dashboards import sql
from dashboards.board import Board, Folder, Setting, Sheet
from dashboards.panels import (
    GREEN,
    HIDDEN,
    RED,
    WHEN,
    YELLOW,
    Look,
    bars,
    city_map,
    curves,
    figure,
    from_value,
    listing,
    severity_cells,
    stacked,
    to_board,
    to_device,
)
from dashboards.query import live, rows, series
from dashboards.variables import many, one

ALARMED = from_value((None, GREEN), (1, RED))
HIDE = models.VariableHide.HIDE_VARIABLE
SILENT = from_value((None, GREEN), (1, YELLOW))


def root(setting: Setting) -> Folder:
    """Return the folder of what is about the whole city."""
    return Folder("penfeld", f"Penfeld · {setting.words['city']}")


def figures(sheet: Sheet, setting: Setting, where: str, alarms_where: str) -> None:
    """Put devices, the silent ones and open alarms at the top of a board."""
    words = setting.words
    names = {"devices": words["devices"], "silent": words["silent"], "alarmed": words["alarmed"]}
    severities = {name: words[name] for name in ("critical", "warning", "info")}
    sheet.add(
        figure(words["devices"], rows(sql.counts(where)), (12, 4), names=names),
        figure(words["open_alarms"], rows(sql.severities(alarms_where)), (12, 4), thresholds=ALARMED, names=severities),
    )


def city(setting: Setting) -> Board:
    """Return the overview of the city."""
    words = setting.words
    sheet = Sheet(setting, "city", words["city"], root(setting), since="now-24h", refresh="1m")
    where = sql.chosen()
    sheet.choose_places()
    sheet.tell_alarms(f"a.severity = 'critical' and {sql.chosen('a.')}")
    figures(sheet, setting, where, sql.chosen("a."))
    counted = {
        "devices": (words["devices"], {}),
        "silent": (words["silent"], {}),
        "alarmed": (words["alarmed"], {}),
        "last_seen": (words["last_seen"], WHEN),
    }
    to_type = to_board(words["type"], "${__data.fields.board}")
    to_domain = to_board(words["domain"], "penfeld-domain-${__data.fields.domain}")
    sheet.add(
        city_map(words["map"], rows(sql.places(where)), (12, 14)),
        listing(
            words["domains"],
            rows(sql.by_domain(where)),
            (12, 7),
            {"domain": (words["domain"], to_domain), **counted},
        ),
        curves(words["live"], [live("city")], (12, 7), Look("short"), words["live_hint"]),
        stacked(words["frames"], [series(sql.frames_by_source())], (12, 8), Look("short")),
        open_alarms(setting, sql.chosen("a."), (12, 8)),
    )
    sheet.row(
        words["by_type"],
        [
            listing(
                words["types"],
                rows(sql.by_type(setting.language, where)),
                (24, 10),
                {
                    "board": ("", HIDDEN),
                    "name": (words["type"], to_type),
                    "domain": (words["domain"], {}),
                    **counted,
                },
            )
        ],
    )
    return sheet.done()


def open_alarms(setting: Setting, where: str, size: tuple[int, int]) -> table.Panel:
    """Return the table of open alarms."""
    words = setting.words
    severities = {name: words[name] for name in ("critical", "warning", "info")}
    columns = {
        "severity": (words["severity"], severity_cells(severities)),
        "device": (words["device"], HIDDEN),
        "name": (words["name"], to_device(words["this_device"])),
        "title": (words["alarm"], {}),
        "started_at": (words["since"], WHEN),
        "first_value": (words["first_value"], {}),
        "last_value": (words["last_value"], {}),
        "district": (words["district"], {}),
        "acknowledged_by": (words["acknowledged_by"], {}),
    }
    return listing(words["open_alarms"], rows(sql.alarms(where, setting.language)), size, columns)


def alarms(setting: Setting) -> Board:
    """Return the board of alarms."""
    words, language = setting.words, setting.language
    sheet = Sheet(setting, "alarms", words["alarms"], root(setting), since="now-7d", refresh="1m")
    where = sql.chosen("a.")
    sheet.choose_places()
    severities = {name: words[name] for name in ("critical", "warning", "info")}
    ended = {
        "severity": (words["severity"], severity_cells(severities)),
        "device": (words["device"], HIDDEN),
        "name": (words["name"], to_device(words["this_device"])),
        "title": (words["alarm"], {}),
        "started_at": (words["since"], WHEN),
        "ended_at": (words["until"], WHEN),
        "lasted": (words["took"], {"unit": "s"}),
        "last_value": (words["last_value"], {}),
        "reason": (words["reason"], {}),
    }
    sheet.add(
        figure(words["open_alarms"], rows(sql.severities(where)), (24, 4), thresholds=ALARMED, names=severities),
        open_alarms(setting, where, (24, 10)),
        stacked(words["raised"], [series(sql.raised())], (24, 8), Look("short")),
        bars(words["rules"], rows(sql.most(f"a.title_{language}")), (12, 10)),
        bars(words["often"], rows(sql.most("a.name")), (12, 10)),
        listing(words["closed"], rows(sql.over(language)), (24, 10), ended),
    )
    return sheet.done()


def health(setting: Setting) -> Board:
    """Return the board of the platform itself."""
    words = setting.words
    sheet = Sheet(setting, "health", words["health"], root(setting), since="now-24h", refresh="30s")
    outcomes = ("stored", "duplicate", "quarantined")
    counted = {name: words[name] for name in ("received", *outcomes)}
    sheet.add(
        figure(words["frames_received"], rows(sql.frames_in_all()), (12, 4), names=counted),
        figure(
            words["difference"],
            rows(sql.difference()),
            (4, 4),
            thresholds=ALARMED,
            description=words["difference_hint"],
        ),
        figure(
            words["newest_frame"],
            rows(sql.age()),
            (4, 4),
            unit="s",
            thresholds=from_value((None, GREEN), (900, YELLOW), (3600, RED)),
        ),
        figure(words["quarantine"], rows(sql.quarantine()), (4, 4), thresholds=SILENT),
        stacked(
            words["frames"],
            [series(sql.frames(name, words[name]), "ABC"[n]) for n, name in enumerate(outcomes)],
            (12, 8),
            Look("short"),
        ),
        stacked(words["sources"], [series(sql.frames_by_source())], (12, 8), Look("short")),
        listing(
            words["reasons"],
            rows(sql.reasons()),
            (12, 9),
            {
                "source": (words["source"], {}),
                "network": (words["network"], {}),
                "reason": (words["reason"], {}),
                "number": (words["number"], {}),
                "times": (words["times"], {}),
                "last_seen": (words["last_seen"], WHEN),
            },
        ),
        listing(
            words["jobs"],
            rows(sql.jobs()),
            (12, 9),
            {
                "job": (words["job"], {}),
                "last_run": (words["last_run"], WHEN),
                "took_s": (words["took"], {"unit": "s"}),
                "waiting": (words["waiting"], {}),
                "detail": (words["detail"], {}),
            },
        ),
    )
    return sheet.done()


def device(setting: Setting) -> Board:
    """Return the page of one device, of whatever type."""
    words, language = setting.words, setting.language
    sheet = Sheet(setting, "device", words["device"], root(setting), since="now-24h", refresh="1m")
    sheet.choose(
        one("device", words["device"], sql.every_device()),
        one("type", words["type"], sql.type_of_device()).hide(HIDE),
        many("field", words["field"], sql.fields_of_device(language), words["all"], value=None),
    )
    where = f"a.device = {sql.THIS}"
    sheet.tell_alarms(where)
    facts = {
        "id": (words["device"], {}),
        "name": (words["name"], {}),
        "type": (words["type"], {}),
        "district": (words["district"], {}),
        "experiment": (words["experiment"], {}),
        "network": (words["network"], {}),
        "last_seen": (words["last_seen"], WHEN),
        "silent": (words["silent"], {}),
        "alarms": (words["alarms"], {}),
    }
    frames = {
        "time": (words["since"], WHEN),
        "received_at": (words["last_seen"], WHEN),
        "delay": (words["delay"], {"unit": "s"}),
        "rssi_dbm": (words["rssi"], {"unit": "dBm"}),
        "snr_db": (words["snr"], {"unit": "dB"}),
    }
    sheet.add(
        listing(words["this_device"], rows(sql.facts(language)), (24, 4), facts),
        curves("${field:text}", [series(sql.one_device())], (12, 8), Look())
        .repeat("field")
        .repeat_direction("h")
        .max_per_row(2)
        .override_by_name("value", [models.DynamicConfigValue("displayName", words["mean"])])
        .override_by_name("low", _edge(words["low"]))
        .override_by_name("high", [*_edge(words["high"]), models.DynamicConfigValue("custom.fillBelowTo", "low")]),
    )
    sheet.row(words["live"], [curves(words["live"], [live("${device}")], (24, 8), Look(), words["live_hint"])])
    sheet.row(
        words["radio"],
        [
            curves(words["rssi"], [series(sql.radio("rssi_dbm"))], (12, 7), Look("dBm")),
            curves(words["snr"], [series(sql.radio("snr_db"))], (12, 7), Look("dB")),
            listing(words["uplinks"], rows(sql.latest_frames()), (24, 9), frames),
        ],
    )
    sheet.row(words["alarms"], [open_alarms(setting, where, (24, 7))])
    return sheet.done()


def _edge(name: str) -> list[models.DynamicConfigValue]:
    return [
        models.DynamicConfigValue("displayName", name),
        models.DynamicConfigValue("custom.lineWidth", 0),
        models.DynamicConfigValue("custom.fillOpacity", 10),
    ]
