"""Pages of other sites may read what is there for everybody: SensorThings, so that a GIS in the browser can.

Rules: reading only, without cookies or tokens (``*`` never goes with them), and nowhere but under these addresses.
"""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

OPEN = ("/sta/",)
"""How addresses begin that pages of any site may read."""
_KEPT_S = 86_400


class OpenDoor:
    """Answers what browsers ask beforehand, and tells them that they may hand the answer to the page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open = CORSMiddleware(
            app, allow_origins=["*"], allow_methods=["GET", "HEAD"], allow_headers=["*"], max_age=_KEPT_S
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        is_open = scope["type"] == "http" and scope["path"].startswith(OPEN)
        await (self._open if is_open else self._app)(scope, receive, send)
