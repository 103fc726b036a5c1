"""``dashboards.sync.Grafana`` in memory, behaving as Grafana does: versions, conflicts, folders, messages."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboards.board import TAG, Board, Document, Folder
from dashboards.sync import ConflictError, RefusedError, Stored


@dataclass
class Kept:
    """A board with its history: the messages of its versions, the newest last."""

    document: Document
    folder: str
    messages: list[str] = field(default_factory=list)

    @property
    def version(self) -> int:
        """Which version is the newest."""
        return len(self.messages)


class Grafana:
    """A Grafana that a test looks into. ``normalises``: it gives boards back in another form, as Grafana 12 does."""

    def __init__(self, *, normalises: bool = False) -> None:
        self.kept: dict[str, Kept] = {}
        self.made: dict[str, str] = {}
        self.saved = 0
        self.provisioned: set[str] = set()
        self._normalises = normalises

    def folders(self) -> Mapping[str, str]:
        """Return uid -> title of all folders."""
        return dict(self.made)

    def make_folder(self, folder: Folder) -> None:
        """Make a folder; one that is there is a conflict."""
        if folder.uid in self.made:
            raise ConflictError("a folder with that uid already exists")
        self.made[folder.uid] = folder.title

    def board(self, uid: str) -> Stored | None:
        """Return a board, ``None`` if there is none."""
        kept = self.kept.get(uid)
        if kept is None:
            return None
        document = {**copy.deepcopy(kept.document), "id": 7, "version": kept.version}
        if self._normalises:
            document |= {"schemaVersion": 42, "preload": False}
        return Stored(document, kept.folder, kept.version)

    def boards(self) -> Sequence[str]:
        """Return the uids of the boards with our tag."""
        return [uid for uid, kept in self.kept.items() if TAG in kept.document.get("tags", [])]

    def last_message(self, uid: str) -> str:
        """Return what was said when the newest version of a board was saved."""
        return self.kept[uid].messages[-1]

    def save(self, board: Board, version: int | None, message: str) -> None:
        """Write a board over this version of it."""
        self.write(board.document, board.folder.uid, version, message)

    def write(self, document: Mapping[str, Any], folder: str, version: int | None, message: str) -> int:
        """Do what a POST of ``/api/dashboards/db`` does without ``overwrite``; return the new version."""
        uid = document["uid"]
        kept = self.kept.get(uid)
        if uid in self.provisioned:
            raise RefusedError("Cannot save provisioned dashboard")
        if folder not in self.made:
            raise RefusedError("folder not found")
        if (kept.version if kept else None) != version:
            raise ConflictError("The dashboard has been changed by someone else")
        messages = [*(kept.messages if kept else []), message]
        own = {key: value for key, value in document.items() if key not in {"id", "version"}}
        self.kept[uid] = Kept(copy.deepcopy(own), folder, messages)
        self.saved += 1
        return len(messages)

    def edit(self, uid: str, **changes: object) -> None:
        """Do what a person does who changes a board and saves it."""
        kept = self.kept[uid]
        kept.document |= changes
        kept.messages.append("")
