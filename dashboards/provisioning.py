"""What Grafana reads when it starts: the data source, where boards lie, and the boards as files.

Rules:

1. The password is never in a file: Grafana takes it from its environment, where compose puts a secret.
2. Each folder has its own provider, so that folders, too, keep their uids. Boards that come from files can be looked
   at and copied, not saved over.
"""

import json
from collections.abc import Iterable, Mapping

from dashboards.board import Board, Folder
from dashboards.query import DATABASE_TYPE, DATABASE_UID

HEAD = "# Made by `penfeld grafana write`: see docs/grafana.md.\n"
BOARDS_FOLDER = "/var/lib/penfeld-boards"
"""Where Grafana finds the boards, as deploy/compose.yaml mounts them."""
ADDRESS, NAME, USER, PASSWORD, TLS = (
    f"GF_PENFELD_DATABASE_{what}" for what in ("HOST", "NAME", "USER", "PASSWORD", "SSLMODE")
)
"""The variables of Grafana's environment. Its image turns ``GF_…__FILE`` into the same without ``__FILE``."""


def files(boards: Iterable[Board], where: str = BOARDS_FOLDER) -> Mapping[str, str]:
    """Return every file, by its path in the folder of provisioning."""
    every = tuple(boards)
    return {
        "datasources/penfeld.yaml": data_source(),
        "dashboards/penfeld.yaml": providers((board.folder for board in every), where),
        **{f"boards/{board.folder.uid}/{board.uid}.json": board.text for board in every},
    }


def data_source() -> str:
    """Return the data source: the role that only reads, over schema ``grafana``."""
    return HEAD + _yaml(
        {
            "apiVersion": 1,
            "datasources": [
                {
                    "name": "Penfeld",
                    "type": DATABASE_TYPE,
                    "uid": DATABASE_UID,
                    "access": "proxy",
                    "url": f"${ADDRESS}",
                    "user": f"${USER}",
                    "editable": False,
                    "jsonData": {
                        "database": f"${NAME}",
                        "sslmode": f"${TLS}",
                        "postgresVersion": 1500,
                        "timescaledb": False,
                        "maxOpenConns": 20,
                        "maxIdleConns": 4,
                        "connMaxLifetime": 3600,
                        "timeInterval": "1s",
                    },
                    "secureJsonData": {"password": f"${PASSWORD}"},
                }
            ],
        }
    )


def providers(folders: Iterable[Folder], where: str = BOARDS_FOLDER) -> str:
    """Return where Grafana finds the boards of each folder."""
    known = sorted({folder.uid: folder for folder in folders}.values(), key=lambda folder: folder.uid)
    return HEAD + _yaml(
        {
            "apiVersion": 1,
            "providers": [
                {
                    "name": folder.uid,
                    "folder": folder.title,
                    "folderUid": folder.uid,
                    "type": "file",
                    "disableDeletion": False,
                    "allowUiUpdates": False,
                    "updateIntervalSeconds": 30,
                    "options": {"path": f"{where}/{folder.uid}"},
                }
                for folder in known
            ],
        }
    )


def _yaml(value: object, indent: int = 0, *, item: bool = False) -> str:
    """Return YAML of objects, lists and plain values. A text is written as JSON writes it, which is YAML, too."""
    blank = "  " * indent
    lines = []
    if isinstance(value, Mapping):
        for n, (key, inner) in enumerate(value.items()):
            head = f"{'' if item and n == 0 else blank}{key}:"
            if isinstance(inner, Mapping | list):
                lines.append(f"{head}\n{_yaml(inner, indent + 1)}")
            else:
                lines.append(f"{head} {json.dumps(inner, ensure_ascii=False)}\n")
    elif isinstance(value, list):
        lines = [f"{blank}- {_yaml(inner, indent + 1, item=True)}" for inner in value]
    return "".join(lines)
