"""A board: variables, annotations, links and panels, and its JSON.

Rules:

1. The same input gives the same bytes: uids are made of names, panels are numbered in their order, keys are sorted.
2. A board carries what was pushed last as a tag (``penfeld:<hash>``): who edits it by hand leaves the tag as it was,
   so that the next push sees the edit (``dashboards.sync``).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b, md5
from typing import Any

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery, Dashboard, DashboardLink, Row
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from dashboards import sql
from dashboards.query import database, rows
from dashboards.texts import Words
from dashboards.variables import many
from model.device import Language

TAG = "penfeld"
"""On every board of ours: the links at the top are those with it."""
SCHEMA = 39
"""The version of Grafana's schema that these boards are written in: that of Grafana 11. Newer ones read it."""
WIDTH = 24
"""Columns of a board."""
Panels = Iterable[Builder[models.Panel]]
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Folder:
    """Where boards lie in Grafana."""

    uid: str
    title: str


@dataclass(frozen=True, slots=True)
class Board:
    """A finished board. ``document``: as Grafana keeps it, its tag included."""

    uid: str
    title: str
    folder: Folder
    document: Document

    @property
    def text(self) -> str:
        """The document as the text of a file."""
        return json.dumps(self.document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


@dataclass(frozen=True, slots=True)
class Setting:
    """In which language boards speak, and whose days they show."""

    language: Language = "fr"
    zone: str = "Europe/Paris"

    @property
    def words(self) -> Words:
        """The texts in this language."""
        return Words(self.language)


class Sheet:
    """A board in the making."""

    def __init__(self, setting: Setting, name: str, title: str, folder: Folder, *, since: str, refresh: str) -> None:
        self._setting = setting
        self._folder = folder
        self._uid = uid_of(name)
        self._title = title
        self._dashboard = (
            Dashboard(title)
            .uid(self._uid)
            .description(setting.words["generated"])
            .timezone(setting.zone)
            .week_start("monday")
            .time(since, "now")
            .refresh(refresh)
            .tooltip(models.DashboardCursorSync.CROSSHAIR)
            .link(
                DashboardLink(setting.words["all_boards"])
                .type(models.DashboardLinkType.DASHBOARDS)
                .tags([TAG])
                .as_dropdown(True)  # noqa: FBT003  the SDK's methods take one value
                .include_vars(False)  # noqa: FBT003
                .keep_time(True)  # noqa: FBT003
            )
        )

    def choose(self, *variables: Builder[models.VariableModel]) -> None:
        """Put variables at the top."""
        for variable in variables:
            self._dashboard.with_variable(variable)

    def choose_places(self, *, domain: str | None = None, device_type: str | None = None) -> None:
        """Put district and experiment at the top."""
        words = self._setting.words
        for column in ("district", "experiment"):
            asked = sql.variable(column, domain=domain, device_type=device_type)
            self.choose(many(column, words[column], asked, words["all"]))

    def tell_alarms(self, where: str) -> None:
        """Show alarms on every curve."""
        asked = sql.annotations(where, self._setting.language)
        self._dashboard.annotation(
            AnnotationQuery()
            .name(self._setting.words["alarms"])
            .datasource(database())
            .enable(True)  # noqa: FBT003
            .icon_color("orange")
            .target(rows(asked, "Anno"))
        )

    def add(self, *panels: Builder[models.Panel]) -> None:
        """Put panels behind those that are there."""
        for panel in panels:
            self._dashboard.with_panel(panel)

    def row(self, title: str, panels: Panels = (), *, closed: bool = False) -> None:
        """Begin a row; a closed one asks nothing until it is opened."""
        row = Row(title).collapsed(closed)
        for panel in panels if closed else ():
            row = row.with_panel(panel)
        self._dashboard.with_row(row)
        self.add(*(panels if not closed else ()))

    def done(self) -> Board:
        """Return the board."""
        built = self._dashboard.build()
        built.schema_version = SCHEMA
        built.tags = [TAG]
        panels = list(_every(built.panels or []))
        for number, panel in enumerate(panels, 1):
            panel.id_val = number
        _lay_out(panels)
        document: Document = json.loads(JSONEncoder().encode(built))
        for link in document.get("links", []):
            del link["placement"]  # the SDK hides it in a menu
        for part in ("annotations", "templating"):
            document[part].setdefault("list", [])
        return Board(self._uid, self._title, self._folder, signed(document))


def uid_of(name: str) -> str:
    """Return the uid of a board: Grafana allows 40 signs, so a long name ends in a hash of its own (as in SQL)."""
    uid = f"penfeld-{name.replace('_', '-')}"
    longest = 40
    return uid if len(uid) <= longest else f"{uid[:31]}-{md5(name.encode(), usedforsecurity=False).hexdigest()[:8]}"


def digest(document: Document) -> str:
    """Return what tells a board from any other: of all that Grafana does not put in or count itself."""
    own = {key: value for key, value in document.items() if key not in {"id", "version", "tags", "iteration"}}
    own["tags"] = sorted(tag for tag in document.get("tags") or [] if not tag.startswith(f"{TAG}:"))
    text = json.dumps(own, sort_keys=True, ensure_ascii=False)
    return blake2b(text.encode(), digest_size=8).hexdigest()


def signed(document: Document) -> Document:
    """Return the board with the tag that says what it is."""
    tags = [tag for tag in document.get("tags") or [] if not tag.startswith(f"{TAG}:")]
    return {**document, "tags": [*tags, f"{TAG}:{digest(document)}"]}


def signature(document: Document) -> str | None:
    """Return the hash that a board was last pushed with, ``None`` if it never was by us."""
    found = [tag.removeprefix(f"{TAG}:") for tag in document.get("tags") or [] if tag.startswith(f"{TAG}:")]
    return found[0] if len(found) == 1 else None


def _lay_out(panels: Iterable[models.Panel | models.RowPanel]) -> None:
    """Put each panel as far up as it fits, then as far to the left; a row begins below all before it.

    The SDK's own layout begins a line too late where a wide panel follows a narrow one.
    """
    depth = [0] * WIDTH
    for panel in panels:
        if isinstance(panel, models.RowPanel):
            below = max(depth)
            panel.grid_pos = models.GridPos(h=1, w=WIDTH, x=0, y=below)
            depth = [below + 1] * WIDTH
        elif panel.grid_pos is not None:
            wide = panel.grid_pos.w
            y, x = min((max(depth[at : at + wide]), at) for at in range(WIDTH - wide + 1))
            panel.grid_pos.x, panel.grid_pos.y = x, y
            depth[x : x + wide] = [y + panel.grid_pos.h] * wide


def _every(panels: Sequence[models.Panel | models.RowPanel]) -> Iterable[models.Panel | models.RowPanel]:
    for panel in panels:
        yield panel
        if isinstance(panel, models.RowPanel):
            yield from panel.panels
