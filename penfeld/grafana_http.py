"""The door to a Grafana: ``dashboards.sync.Grafana`` over its HTTP interface, by grafana-client.

Rules:

1. grafana-client is an extra (``pip install penfeld[grafana]``): it brings a fork of urllib3 that takes the other's
   place, which no service needs. It is loaded here only, when it is used.
2. Its errors become ours here, with what to do; no token is ever in one.
"""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from dashboards.board import TAG, Board, Folder
from dashboards.sync import ConflictError, RefusedError, Stored
from model.errors import ConfigError, UnavailableError

_TIMEOUT_S = 20.0
_MOST = 5000
"""Grafana's own limit of what it lists at once."""


class GrafanaHttp:
    """One Grafana. ``token``: of a service account that may edit folders and boards."""

    def __init__(self, url: str, token: str) -> None:
        try:
            from grafana_client import GrafanaApi  # noqa: PLC0415 -- an extra: see above
        except ImportError:
            raise ConfigError(["grafana-client is not installed: pip install 'penfeld[grafana]'"]) from None
        parts = urlsplit(url)
        path = parts.path.strip("/")
        self._url = url
        self._api: Any = GrafanaApi(
            auth=token or None,
            host=parts.hostname or "",
            port=parts.port,
            url_path_prefix=f"{path}/" if path else "",
            protocol=parts.scheme,
            timeout=_TIMEOUT_S,
        )

    def folders(self) -> Mapping[str, str]:
        """Return uid -> title of all folders."""
        return {each["uid"]: each["title"] for each in self._ask(self._api.folder.get_all_folders)}

    def make_folder(self, folder: Folder) -> None:
        """Make a folder."""
        self._ask(lambda: self._api.folder.create_folder(folder.title, uid=folder.uid))

    def board(self, uid: str) -> Stored | None:
        """Return a board, ``None`` if there is none."""
        found = self._ask(lambda: self._api.dashboard.get_dashboard(uid), missing=True)
        if found is None:
            return None
        meta = found["meta"]
        return Stored(found["dashboard"], meta.get("folderUid") or "", int(meta["version"]))

    def boards(self) -> Sequence[str]:
        """Return the uids of the boards with our tag."""
        found = self._ask(lambda: self._api.search.search_dashboards(tag=TAG, type_="dash-db", limit=_MOST))
        return [each["uid"] for each in found]

    def last_message(self, uid: str) -> str:
        """Return what was said when the newest version of a board was saved."""
        found = self._ask(lambda: self._api.client.GET(f"/dashboards/uid/{uid}/versions", params={"limit": 1}))
        versions = found.get("versions", []) if isinstance(found, dict) else found  # a list until Grafana 11
        return str(versions[0].get("message") or "") if versions else ""

    def save(self, board: Board, version: int | None, message: str) -> None:
        """Write a board over this version of it; raise ``ConflictError`` or ``RefusedError``."""
        document = {**board.document, "id": None}
        if version is not None:
            document["version"] = version
        self._ask(
            lambda: self._api.dashboard.update_dashboard(
                {"dashboard": document, "folderUid": board.folder.uid, "message": message, "overwrite": False}
            )
        )

    def _ask(self, what: Callable[[], Any], *, missing: bool = False) -> Any:  # noqa: ANN401 -- JSON is what it is
        """Return what Grafana answers; ``None`` for what it does not have, if that is all right."""
        from grafana_client.client import (  # noqa: PLC0415 -- an extra: see above
            GrafanaClientError,
            GrafanaException,
        )

        try:
            return what()
        except GrafanaClientError as error:
            if missing and error.status_code == HTTPStatus.NOT_FOUND:
                return None
            raise self._told(error.status_code, error.response) from None
        except GrafanaException as error:
            raise UnavailableError(f"Grafana at {self._url} fails ({error.status_code}): see its log") from None
        except OSError as error:  # what its HTTP library raises where nothing answers
            raise UnavailableError(
                f"Grafana at {self._url} does not answer ({type(error).__name__}): is it running, is the address right?"
            ) from None

    def _told(self, status: int, response: object) -> Exception:
        said = str(response.get("message", "")) if isinstance(response, dict) else str(response)
        if status == HTTPStatus.PRECONDITION_FAILED:
            return ConflictError(said)
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            advice = "give [grafana] token that of a service account which may edit folders and dashboards"
            return ConfigError([f"Grafana at {self._url} does not let us in: {advice}"])
        return RefusedError(f"Grafana refuses it ({status}): {said[:500]}")
