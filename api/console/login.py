"""The page on which people log in: plain HTML, which needs nothing that only a reader may load."""

from html import escape
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse

from api.console.frame import ASSETS, words_for
from api.console.reader import wanted_page
from api.console.texts import Words
from api.routes.oidc import provider_of

_PAGE = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Penfeld</title><link rel="stylesheet" href="{assets}/console.css">
<script src="{assets}/login.js" defer></script></head>
<body><main class="page login"><form class="panel stack" id="login" method="post" data-next="{next}"
data-wrong="{wrong}" data-trouble="{trouble}">
<h1>{title}</h1>
<label>{name}
<input name="name" autocomplete="username" autocapitalize="none" maxlength="100" required autofocus></label>
<label>{password}
<input name="password" type="password" autocomplete="current-password" maxlength="1000" required></label>
<p id="said" role="alert"></p>
<button class="button" type="submit">{go}</button>
{provider}
<p class="muted small">{help}</p>
</form></main></body></html>
"""


def _provider(request: Request, words: Words, wanted: str) -> str:
    """Return the way to the identity provider, where there is one."""
    label = provider_of(request.app)
    if label is None:
        return ""
    said = words("login.provider", provider=label) if label else words("login.provider.city")
    return f'<a class="button" href="/login/oidc?back={quote(wanted, safe="")}">{escape(said)}</a>'


async def login_page(request: Request) -> HTMLResponse:
    """Ask for name and password; the page sends them to /api/v1/login."""
    words = words_for(request)
    told = {name: words(f"login.{name}") for name in ("title", "name", "password", "go", "wrong", "trouble", "help")}
    values = {**told, "lang": words.language, "assets": ASSETS, "next": wanted_page(request)}
    escaped = {name: escape(value, quote=True) for name, value in values.items()}
    page = _PAGE.format_map({**escaped, "provider": _provider(request, words, values["next"])})
    return HTMLResponse(page, headers={"Cache-Control": "no-store", "Vary": "Cookie, Accept-Language"})
