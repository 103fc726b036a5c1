"""From the text of a dataset file to a checked dataset. docs/open-data.md says what stands in one. Pure.

Rules:

1. Every problem of a file is found at once, each with its line, and says what would be right.
2. Words that are not known are problems: a mistyped key must not silently mean nothing.
3. What a file does not say of publisher and contact is said once for all in ``[opendata]``.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, TypeVar

from model.dataset import FREQUENCIES, LICENCES, RESOLUTIONS, THEMES, Aggregate, Choice, Dataset
from model.device import Language, Text
from model.errors import ConfigError
from model.identity import possible_ids
from model.resolution import Resolution

KEYS = (
    "title", "description", "devices", "fields", "resolution", "aggregate", "simulated", "licence", "publisher",
    "publisher_url", "contact", "contact_name", "keywords", "theme", "frequency", "visibility", "delay", "not_personal",
)  # fmt: skip
CHOICES = ("type", "district", "experiment", "tag", "id")
LONGEST_ID = 60
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_MAIL = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+\.[^@\s<>\"]+")
_URL = re.compile(r"https?://[^\s<>\"{}|\\^`]+")
_DELAY = re.compile(r"(\d{1,5})\s*(h|d)")
_REASON = 20
"""A reason why data is not personal has so many letters at least: it is published."""
_FEWEST = 2

Where = tuple[str, ...]
Place = Callable[[Where], str]
Chosen = TypeVar("Chosen")


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who publishes, unless a dataset says otherwise."""

    name: str = ""
    url: str = ""
    contact: str = ""


def read_file(name: str, text: str, by: Publisher) -> Dataset:
    """Return the dataset that a file of that name (without its ending) describes; raise ``ConfigError``."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{name}.toml: is no TOML: {error}"]) from None
    lines = dict(_lines(text))

    def place(where: Where) -> str:
        while where and where not in lines:
            where = where[:-1]
        return f"{name}.toml:{lines.get(where, 1)}"

    return read_table(name, table, by, place)


def read_table(name: str, table: Mapping[str, Any], by: Publisher, place: Place) -> Dataset:
    """Return the dataset ``name`` that a table describes; raise ``ConfigError`` with all its problems."""
    return _Reader(table, by, place).read(name)


class _Reader:
    """Collects values and problems of one dataset."""

    def __init__(self, table: Mapping[str, Any], by: Publisher, place: Place) -> None:
        self.table = table
        self.by = by
        self.place = place
        self.problems: list[str] = []

    def read(self, name: str) -> Dataset:
        """Return the dataset, or raise with all problems."""
        if not _ID.fullmatch(name) or len(name) > LONGEST_ID:
            self.problem((), f"{name[:LONGEST_ID]!r} is no name of a dataset: small letters, digits and single hyphens")
        self.known(self.table, KEYS, ())
        dataset = Dataset(
            id=name,
            title=self.text("title"),
            description=self.text("description"),
            choice=self.choice(),
            fields=self.words(self.table, "fields", ()),
            resolution=self.resolution(),
            aggregate=self.aggregate(),
            simulated=self.one_of("simulated", {"exclude": "exclude", "mark": "mark"}, "exclude"),
            licence=self.one_of("licence", LICENCES, "etalab-2.0"),
            publisher=self.string("publisher", self.by.name),
            publisher_url=self.matching("publisher_url", self.by.url, _URL, "an address: https://…"),
            contact=self.matching("contact", self.by.contact, _MAIL, "a mail address"),
            contact_name=self.string("contact_name", ""),
            keywords=self.keywords(),
            theme=self.one_of("theme", {theme: theme for theme in THEMES}, "REGI"),
            frequency=self.one_of("frequency", {each: each for each in FREQUENCIES}, "daily"),
            visibility=self.one_of("visibility", {"public": "public", "internal": "internal"}, "public"),
            delay=self.delay(),
            not_personal=self.reason(),
            place=self.place(()),
        )
        for key, value in (("publisher", dataset.publisher), ("contact", dataset.contact)):
            if not value and key not in self.table:
                self.problem((), f"{key} is missing: say it here, or for all datasets in [opendata] of penfeld.toml")
        if self.problems:
            raise ConfigError(self.problems)
        return dataset

    def problem(self, where: Where, text: str) -> None:
        """Note a problem."""
        self.problems.append(f"{self.place(where)}: {text}")

    def known(self, table: Mapping[str, Any], keys: tuple[str, ...], where: Where) -> None:
        """Note keys that mean nothing."""
        for key in table:
            if key not in keys:
                near = get_close_matches(key, keys, 1)
                hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(keys)}"
                self.problem((*where, key), f"{key!r} is no key here; {hint}")

    def text(self, key: str) -> Text:
        """Return a text in both languages."""
        value = self.table.get(key)
        if (
            isinstance(value, dict)
            and set(value) == {"en", "fr"}
            and all(isinstance(each, str) and each.strip() for each in value.values())
        ):
            return Text(en=value["en"].strip(), fr=value["fr"].strip())
        self.problem((key,), f'a {key} in both languages is needed: {key} = {{ en = "…", fr = "…" }}')
        return Text(en="", fr="")

    def string(self, key: str, default: str) -> str:
        """Return a text; the default where it is not there."""
        value = self.table.get(key, default)
        if not isinstance(value, str) or (key in self.table and not value.strip()):
            self.problem((key,), f"{key} must be a text")
            return default
        return value.strip()

    def matching(self, key: str, default: str, form: re.Pattern[str], wanted: str) -> str:
        """Return a text of a form."""
        value = self.string(key, default)
        if value and not form.fullmatch(value):
            self.problem((key,), f"{key} must be {wanted}, not {value!r}")
            return ""
        return value

    def one_of(self, key: str, known: Mapping[str, Chosen], default: str) -> Chosen:
        """Return what a word of a closed list stands for."""
        value = self.table.get(key, default)
        if not isinstance(value, str) or value not in known:
            self.problem((key,), f"{key} {value!r} is not known: {', '.join(known)}")
            return known[default]
        return known[value]

    def words(self, table: Mapping[str, Any], key: str, where: Where) -> tuple[str, ...]:
        """Return one text or a list of them."""
        value = table.get(key, [])
        found = value if isinstance(value, list) else [value]
        if not all(isinstance(each, str) and each.strip() for each in found) or (key in table and not found):
            self.problem((*where, key), f'{key} must be a text or a list of texts: {key} = ["…", "…"]')
            return ()
        return tuple(dict.fromkeys(each.strip() for each in found))

    def choice(self) -> Choice:
        """Return which devices are meant."""
        table = self.table.get("devices")
        if not isinstance(table, dict) or not table.get("type"):
            form = 'devices = { type = "penfeld_streetlight" }'
            self.problem(("devices",), f"which devices? Say their type at least: {form}")
            return Choice(device_types=())
        self.known(table, CHOICES, ("devices",))
        tags = table.get("tag", {})
        if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
            self.problem(("devices", "tag"), 'tag must be a table of texts: tag = { street = "rue de Siam" }')
            tags = {}
        devices: list[str] = []
        for written in self.words(table, "id", ("devices",)):
            meant = possible_ids(written)
            if not meant:
                self.problem(
                    ("devices", "id"), f"{written[:80]!r} cannot be a device's id: `penfeld devices list` has them"
                )
            devices += meant
        return Choice(
            device_types=self.words(table, "type", ("devices",)),
            districts=self.words(table, "district", ("devices",)),
            experiments=self.words(table, "experiment", ("devices",)),
            tags=tags,
            devices=tuple(devices),
        )

    def resolution(self) -> Resolution:
        """Return how finely it is published. A day is called ``day``."""
        known = {("day" if each is Resolution.DAY else each.value): each for each in RESOLUTIONS}
        return self.one_of("resolution", known, "raw")

    def aggregate(self) -> Aggregate | None:
        """Return how devices are put together, ``None`` if each stands for itself."""
        table = self.table.get("aggregate")
        if table is None:
            return None
        where: Where = ("aggregate",)
        form = 'aggregate = { by = "district", at_least = 10 }'
        if not isinstance(table, dict):
            self.problem(where, f"aggregate must be a table: {form}")
            return None
        self.known(table, ("by", "at_least"), where)
        by, least = table.get("by"), table.get("at_least")
        if by not in {"district", "all"}:
            self.problem((*where, "by"), f'devices are put together by "district" or "all": {form}')
        if type(least) is not int or least < _FEWEST:
            self.problem((*where, "at_least"), f"at_least must be a number of devices from {_FEWEST} on: {form}")
            least = _FEWEST
        return Aggregate("all" if by == "all" else "district", least)

    def keywords(self) -> Mapping[Language, tuple[str, ...]]:
        """Return the keywords of each language."""
        table = self.table.get("keywords", {})
        if not isinstance(table, dict) or not set(table) <= {"en", "fr"}:
            self.problem(("keywords",), 'keywords are lists by language: keywords = { en = ["…"], fr = ["…"] }')
            return {}
        found: dict[Language, tuple[str, ...]] = {}
        if "en" in table:
            found["en"] = self.words(table, "en", ("keywords",))
        if "fr" in table:
            found["fr"] = self.words(table, "fr", ("keywords",))
        return found

    def delay(self) -> timedelta:
        """Return how long a day waits."""
        value = self.table.get("delay", "0 h")
        match = _DELAY.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            self.problem(("delay",), 'delay must be hours or days: delay = "12 h", delay = "2 d"')
            return timedelta()
        return timedelta(hours=int(match[1])) if match[2] == "h" else timedelta(days=int(match[1]))

    def reason(self) -> str:
        """Return why data is not personal."""
        value = self.string("not_personal", "")
        if value and len(value) < _REASON:
            self.problem(("not_personal",), "not_personal is published with the data: say in a sentence whose devices")
        return value


_SECTION = re.compile(r"\s*\[\[?\s*([\w.-]+)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"\s*([\w-]+(?:\.[\w-]+)*)\s*=")


def _lines(text: str) -> list[tuple[Where, int]]:
    """Return where every section and key stands."""
    where: Where = ()
    found: list[tuple[Where, int]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if section := _SECTION.match(line):
            where = tuple(section[1].split("."))
            found.append((where, number))
        elif key := _KEY.match(line):
            found.append(((*where, *key[1].split(".")), number))
    return found
