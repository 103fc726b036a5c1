"""What every answer tells a browser for its own safety.

Rules:

1. Data is no page: from the API nothing is run, shown in a frame, or guessed to be something else.
2. A page of ours loads from us only, and from where the map's tiles are. Pages are drawn by templates that the browser
   compiles, and styled in place: both are allowed, since NiceGUI knows no other way.
3. What was told to somebody is kept for nobody else.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope

_DATA = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_ASKED = ("/api/", "/sta/")
_YEAR_S = 31_536_000


class SafeHeaders:
    """Adds them. ``pictures``: another site whose pictures pages show; ``personal``: answers differ by who asks."""

    def __init__(self, pictures: str, *, personal: bool) -> None:
        self._personal = personal
        self._page = (
            "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline';"
            f" img-src 'self' data: blob: {pictures}; font-src 'self' data:; connect-src 'self' ws: wss: {pictures};"
            " worker-src 'self' blob:; object-src 'none'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
        )

    def add(self, scope: Scope, message: Message) -> None:
        """Add them to the beginning of an answer; what a route says itself stays."""
        headers = MutableHeaders(scope=message)
        page = headers.get("content-type", "").startswith("text/html")
        headers.setdefault("Content-Security-Policy", self._page if page else _DATA)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        if scope["scheme"] == "https":
            headers.setdefault("Strict-Transport-Security", f"max-age={_YEAR_S}")
        if self._personal:
            if scope["path"].startswith(_ASKED):
                headers.setdefault("Cache-Control", "private, no-cache")
            headers.add_vary_header("Cookie")
            headers.add_vary_header("Authorization")
