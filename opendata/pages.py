"""Pages for people: the list of datasets, and one of them. The only module here that knows Jinja.

Rules:

1. Everything is escaped by default; ``Markup`` is only what ``opendata.pictures`` made, which escapes by itself.
2. A page is whole without JavaScript and loads nothing but its style sheet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from model.dataset import FREQUENCIES, THEMES, Day
from model.device import Language
from model.numbers import unit
from opendata import texts
from opendata.columns import Column
from opendata.graph import About, Entry
from opendata.pictures import Spot, chart_of, map_of

FORMS = ("jsonld", "ttl", "rdf")
_LISTED = 14
"""So many days stand open on a page; older ones are folded away."""
_CHARTED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a dataset's page shows besides its entry. ``rest``: older days than those of the entry."""

    entry: Entry
    columns: Sequence[Column]
    spots: Sequence[Spot]
    rest: Sequence[Day]


def listing(language: Language, base: str, about: About, entries: Sequence[Entry], zone: ZoneInfo) -> str:
    """Return the list of datasets."""
    cards = [
        {
            "id": entry.dataset.id,
            "title": entry.dataset.title.get(language),
            "description": entry.dataset.description.get(language),
            "theme": THEMES[entry.dataset.theme].get(language),
            "resolution": texts.said(entry.dataset.resolution.value, language),
            "licence": entry.dataset.licence.title,
            "simulated": entry.dataset.simulated == "mark",
            "days": _days(entry, language),
            "updated": texts.moment_of(entry.modified.astimezone(zone), language) if entry.modified else "",
        }
        for entry in entries
    ]
    return _template("list.html").render(
        _shared(language, base, "catalog"),
        title=about.title.get(language),
        description=about.description.get(language),
        publisher=about.publisher,
        cards=cards,
    )


def dataset_page(language: Language, base: str, about: About, view: View, zone: ZoneInfo) -> str:
    """Return the page of one dataset."""
    entry, dataset = view.entry, view.entry.dataset
    shown = list(reversed(entry.shown)) + list(reversed(view.rest))
    newest = shown[0] if shown else None
    return _template(
        "dataset.html"
    ).render(
        _shared(language, base, f"catalog/{dataset.id}"),
        title=dataset.title.get(language),
        catalogue=about.title.get(language),
        dataset=dataset,
        description=dataset.description.get(language),
        facts=_facts(view, language, zone),
        map=Markup(map_of(view.spots, texts.said("map", language))),  # noqa: S704 -- escaped where it is made
        spots=texts.count_of(len(view.spots), language),
        chart=Markup(_chart(view, language, zone)),  # noqa: S704 -- escaped where it is made
        chart_title=_chart_title(view, language),
        charted=newest.current.preview_column if newest else "",
        newest=_day(newest, language, zone) if newest else None,
        days=[_day(day, language, zone) for day in shown[:_LISTED]],
        older=[_day(day, language, zone) for day in shown[_LISTED:]],
        columns=[
            {
                "name": column.name,
                "type": texts.said(column.type, language),
                "unit": unit(column.unit),
                "title": column.title.get(language),
                "description": column.description.get(language),
            }
            for column in view.columns
        ],
        living=sorted(entry.living),
    )


@cache
def style() -> bytes:
    """Return the style sheet."""
    return (files("opendata") / "templates" / "catalog.css").read_bytes()


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("opendata", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _template(name: str) -> Template:
    return _environment().get_template(name)


def _shared(language: Language, base: str, path: str) -> dict[str, object]:
    other: Language = "en" if language == "fr" else "fr"
    return {
        "language": language,
        "other": other,
        "base": base,
        "path": path,
        "say": lambda word, **values: texts.said(word, language, **values),
        "forms": FORMS,
        "form_names": {"jsonld": "JSON-LD", "ttl": "Turtle", "rdf": "RDF/XML"},
    }


def _facts(view: View, language: Language, zone: ZoneInfo) -> list[tuple[str, str, str]]:
    """Return what is told of a dataset: word, text, and the address that it leads to."""
    entry, dataset = view.entry, view.entry.dataset
    found = [
        ("licence", dataset.licence.title, dataset.licence.url),
        ("publisher", dataset.publisher, dataset.publisher_url),
        ("contact", dataset.contact_name or dataset.contact, f"mailto:{dataset.contact}"),
        ("frequency", FREQUENCIES[dataset.frequency].get(language), ""),
        ("resolution", texts.said(dataset.resolution.value, language), ""),
        ("days", _days(entry, language), ""),
    ]
    if entry.modified:
        found.append(("updated", texts.moment_of(entry.modified.astimezone(zone), language), ""))
    if dataset.delay:
        after = texts.said("delay_after", language, delay=texts.delay_of(dataset.delay, language))
        found.append(("delay", after, ""))
    if dataset.aggregate:
        what = texts.said(f"by_{dataset.aggregate.by}", language)
        found.append(("aggregate", texts.said("at_least", language, what=what, number=dataset.aggregate.at_least), ""))
    found.append(("theme", THEMES[dataset.theme].get(language), ""))
    if words := dataset.keywords.get(language):
        found.append(("keywords", ", ".join(words), ""))
    if dataset.not_personal:
        found.append(("not_personal", dataset.not_personal, ""))
    return [(texts.said(word, language), text, address) for word, text, address in found]


def _days(entry: Entry, language: Language) -> str:
    if not entry.days:
        return texts.said("no_days", language)
    first, last = texts.day_of(entry.days[0], language), texts.day_of(entry.days[-1], language)
    count = texts.count_of(len(entry.days), language)
    return f"{count} ({first})" if first == last else f"{count} ({first} – {last})"


def _day(day: Day, language: Language, zone: ZoneInfo) -> Mapping[str, object]:
    version = day.current
    note = ""
    if version.number > 1:
        when = texts.moment_of(version.frozen_at.astimezone(zone), language)
        note = texts.said("version", language, number=version.number, when=when)
        note += f" ({version.note.get(language, '')})"
    stem = version.files[0].name.removesuffix(".parquet") if version.files else ""
    return {
        "day": texts.day_of(day.day, language),
        "rows": texts.count_of(version.rows, language),
        "devices": texts.count_of(version.devices, language),
        "flagged": texts.count_of(version.flagged, language),
        "note": note,
        "files": [_file(file.name, file.size, language) for file in version.files],
        "sums": f"{stem}.sha256",
        "earlier": [
            _file(file.name, file.size, language) for before in reversed(day.versions[:-1]) for file in before.files
        ],
    }


def _file(name: str, size: int, language: Language) -> Mapping[str, str]:
    kind = {"csv": "CSV", "parquet": "Parquet"}.get(name.rpartition(".")[2], "")
    return {"name": name, "kind": kind, "size": texts.size_of(size, language)}


def _charted(view: View) -> tuple[Column | None, list[Day]]:
    """Return what a chart shows: the newest days whose preview is of one column."""
    days = [day for day in view.entry.shown if day.current.preview]
    if not days:
        return None, []
    name = days[-1].current.preview_column
    column = next((each for each in view.columns if each.name == name), None)
    return column, [day for day in days if day.current.preview_column == name][-_CHARTED:]


def _chart_title(view: View, language: Language) -> str:
    column, _ = _charted(view)
    return texts.said("chart", language, title=column.title.get(language)) if column else ""


def _chart(view: View, language: Language, zone: ZoneInfo) -> str:
    column, days = _charted(view)
    if column is None:
        return ""
    points = sorted(point for day in days for point in day.current.preview)
    return chart_of(points, _chart_title(view, language), unit(column.unit), zone)
