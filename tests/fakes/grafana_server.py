"""The fake Grafana behind HTTP, as the real one answers: for the door of ``penfeld`` that speaks to it."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from dashboards.board import Folder
from dashboards.sync import ConflictError, RefusedError
from tests.fakes.grafana import Grafana

TOKEN = "glsa_of_a_test"  # noqa: S105 -- opens nothing
Answer = tuple[int, object]


@contextmanager
def serving(grafana: Grafana, prefix: str = "") -> Iterator[str]:
    """Serve a fake on a free port of this machine; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def log_message(self, *_words: object) -> None:
            pass

        def _answer(self, body: Any) -> None:  # noqa: ANN401 -- JSON is what it is
            parts = urlsplit(self.path)
            status, said = 401, {"message": "Unauthorized"}  # type: tuple[int, object]
            if self.headers.get("Authorization") == f"Bearer {TOKEN}":
                path = parts.path.removeprefix(f"{prefix}/api")
                status, said = answer(grafana, path, parse_qs(parts.query), body)
            text = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{prefix}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(grafana: Grafana, path: str, query: Mapping[str, list[str]], body: Any) -> Answer:  # noqa: ANN401
    """Return status and body."""
    if path == "/folders":
        return _folders(grafana, body)
    if path == "/search":
        tags = set(query.get("tag", []))
        found = [uid for uid, kept in grafana.kept.items() if tags <= set(kept.document.get("tags", []))]
        return 200, [{"uid": uid, "type": "dash-db"} for uid in found]
    if path == "/dashboards/db":
        return _save(grafana, body)
    if path.startswith("/dashboards/uid/"):
        uid, _, more = path.removeprefix("/dashboards/uid/").partition("/")
        if (stored := grafana.board(uid)) is None:
            return 404, {"message": "Dashboard not found"}
        if more == "versions":
            kept = grafana.kept[uid]
            newest = [{"version": kept.version, "message": kept.messages[-1]}]
            return 200, {"continueToken": "", "versions": newest}
        meta = {"folderUid": stored.folder, "version": stored.version}
        return 200, {"dashboard": stored.document, "meta": meta}
    return 404, {"message": "Not found"}


def _folders(grafana: Grafana, body: Any) -> Answer:  # noqa: ANN401
    if body is None:
        return 200, [{"uid": uid, "title": title} for uid, title in grafana.folders().items()]
    try:
        grafana.make_folder(Folder(body["uid"], body["title"]))
    except ConflictError as error:
        return 409, {"message": str(error)}
    return 200, body


def _save(grafana: Grafana, body: Any) -> Answer:  # noqa: ANN401
    document = body["dashboard"]
    try:
        version = grafana.write(document, body["folderUid"], document.get("version"), body["message"])
    except ConflictError as error:
        return 412, {"status": "version-mismatch", "message": str(error)}
    except RefusedError as error:
        return 400, {"message": str(error)}
    return 200, {"uid": document["uid"], "version": version, "status": "success"}
