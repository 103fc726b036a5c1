"""What every page has: header, navigation, language and colours, and the place for its content.

Language and colours are remembered in two cookies that hold one word each; without them the browser's language and
the system's colours are taken.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass

from fastapi import Request
from nicegui import ui

from api.console.bell import Bell
from api.console.components.elements import Text, block, link
from api.console.reader import Reader, needed, reader_of
from api.console.texts import Words
from api.language import accepted
from model.access import OPEN, Principal
from model.device import Language
from model.errors import UnavailableError

LANGUAGE_COOKIE = "penfeld-language"
THEME_COOKIE = "penfeld-theme"
ASSETS = "/_console"

_PAGES = (
    ("map", "/"),
    ("alarms", "/alarms"),
    ("devices", "/devices"),
    ("device_types", "/device-types"),
    ("ledger", "/ledger"),
    ("quarantine", "/quarantine"),
    ("access", "/access"),
)
_ICONS = {
    "map": "M9 4 3 6.5v13L9 17l6 3 6-2.500v-13L15 7 9 4zm0 0v13m6-10v13",
    "alarms": "M6 16V11a6 6 0 0 1 12 0v5l1.500 2h-15zm4 4.500h4",
    "devices": "M4 6h16M4 12h16M4 18h10",
    "device_types": "M4 4h7v7H4zm9 0h7v7h-7zM4 13h7v7H4zm9 0h7v7h-7z",
    "ledger": "M5 3h14v18H5zM9 8h6M9 12h6M9 16h4",
    "quarantine": "M12 3 2.500 20h19L12 3zm0 6v5m0 2.500v.5",
    "access": "M6 11h12v9H6zm2.500 0V8a3.500 3.500 0 0 1 7 0v3",
}
_MOST_SHOWN = 1000
_DARK = {"light": False, "dark": True}

_SWITCH_LANGUAGE = """() => {
  document.cookie = "%s=%s; path=/; max-age=31536000; samesite=lax";
  location.reload();
}"""

_LOG_OUT = """async () => {
  await fetch("/api/v1/logout", { method: "POST", headers: { "X-Penfeld-Request": "1" } });
  location.assign("/login");
}"""

_LOOK_S = 5.0
_LEAVING_S = 1.0

_SWITCH_THEME = """(event) => {
  const themes = ["auto", "light", "dark"];
  const button = event.currentTarget;
  const next = themes[(themes.indexOf(button.dataset.theme) + 1) %% 3];
  document.cookie = `%s=${next}; path=/; max-age=31536000; samesite=lax`;
  button.dataset.theme = next;
  button.title = button.ariaLabel = button.dataset.label.replace("{theme}", button.dataset[next]);
  Quasar.Dark.set(next === "auto" ? "auto" : next === "dark");
}"""


@dataclass(frozen=True, slots=True)
class Page:
    """What a page builds with. ``notice``: the line that says that the database does not answer."""

    words: Words
    notice: Text

    @property
    def language(self) -> Language:
        """The reader's language."""
        return self.words.language


def words_for(request: Request) -> Words:
    """Return the texts in the reader's language: the one chosen, else the browser's."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen == "fr":
        return Words("fr")
    if chosen == "en":
        return Words("en")
    return Words(accepted(request.headers.get("accept-language", "")))


@contextmanager
def frame(request: Request, active: str, title: str, words: Words, bell: Bell) -> Iterator[Page]:
    """Build the page around what is built inside.

    ``active``: which entry of the navigation it belongs to; ``bell``: what the badge of the alarms shows.
    """
    theme = request.cookies.get(THEME_COOKIE, "auto")
    reader = reader_of(request)
    asker = OPEN if reader is None else reader.asker
    client = ui.context.client
    client.page = copy(client.page)  # language and colours are this reader's, not the page's
    client.page.language = words.language if words.language == "fr" else "en-US"
    client.page.dark = _DARK.get(theme)
    ui.page_title(f"{title} · Penfeld")
    ui.add_head_html(f'<link rel="stylesheet" href="{ASSETS}/console.css">')
    link(words("app.skip"), "#content", "skip")
    with block("header", "top"):
        with block("a", "brand", href="/"):
            Text("strong", "Penfeld")
            Text("span", words("app.subtitle"))
        _navigation(words, active, bell, asker)
        with block("div", "switches"):
            link(words("nav.open_data"), "/catalog", "switch switch-data")
            link(words("nav.api"), "/api/v1/openapi.json", "switch switch-data")
            _theme_switch(words, theme)
            _language_switch(words)
            _account(words, asker)
    _stay(asker, reader)
    notice = Text("p", words("trouble.database"), "notice")
    notice.props["role"] = "status"
    notice.set_visibility(False)
    with block("main", f"page page-{active}", id="content", tabindex="-1"):
        yield Page(words, notice)


def _navigation(words: Words, active: str, bell: Bell, asker: Principal) -> None:
    with block("nav", "nav", aria_label=words("nav.label")):
        for name, path in _PAGES:
            if not asker.may(needed(path)) or (name == "access" and asker.sort == "open"):
                continue
            current = "page" if name == active else ""
            with block("a", "nav-entry", href=path, aria_current=current):
                icon = f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{_ICONS[name]}"/></svg>'
                ui.html(icon, sanitize=False, tag="span").classes("nav-icon")
                Text("span", words(f"nav.{name}"), "nav-long")
                Text("span", words(f"nav.{name}.short"), "nav-short")
                if name == "alarms":
                    _badge(words, bell)


def _badge(words: Words, bell: Bell) -> None:
    """Show how many open alarms nobody looks after; the last number known stays while the database is silent."""
    badge = block("span", "badge")
    with badge:
        count = Text("span", "")
        Text("span", f" {words('nav.alarms.waiting')}", "hidden-text")
    badge.set_visibility(False)

    async def show() -> None:
        try:
            waiting, critical = await bell.ringing()
        except UnavailableError:
            return
        count.say(str(waiting) if waiting < _MOST_SHOWN else f"{_MOST_SHOWN - 1}+")
        badge.classes(add="badge-critical" if critical else "", remove="" if critical else "badge-critical")
        badge.set_visibility(waiting > 0)

    ui.timer(2.0, show)


def _language_switch(words: Words) -> None:
    other = "en" if words.language == "fr" else "fr"
    button = Text("button", words("language.short"), "switch")
    button.props.update({"type": "button", "lang": other, "title": words("language.switch")})
    button.props["aria-label"] = words("language.switch")
    button.on("click", js_handler=_SWITCH_LANGUAGE % (LANGUAGE_COOKIE, other))


def _account(words: Words, asker: Principal) -> None:
    """Show who is logged in, and the way out; to who is not, the way in."""
    if asker.sort == "open":
        return
    if asker.role is None:
        link(words("login.go"), "/login", "switch")
        return
    button = Text("button", asker.name, "switch")
    said = words("login.who", name=asker.name, role=words(f"role.{asker.role.value}"))
    label = f"{said} – {words('login.out')}"
    button.props.update({"type": "button", "title": label, "aria-label": label, "data-account": asker.name})
    button.on("click", js_handler=_LOG_OUT)


def _stay(asker: Principal, reader: Reader | None) -> None:
    """Look now and then whether the reader still is who he was; a page of somebody else is loaded anew."""
    if reader is None or asker.sort == "open":
        return

    client = ui.context.client

    async def look() -> None:
        try:
            same = await reader.still()
        except UnavailableError:
            return
        if not same:
            ui.navigate.reload()
            await asyncio.sleep(_LEAVING_S)
            client.delete()  # whatever the browser does, this page shows and does nothing any more

    ui.timer(_LOOK_S, look)


def _theme_switch(words: Words, theme: str) -> None:
    theme = theme if theme in {"auto", "light", "dark"} else "auto"
    label = words("theme.switch", theme=words(f"theme.{theme}"))
    button = Text("button", "◐", "switch")
    button.props.update({"type": "button", "title": label, "aria-label": label, "data-theme": theme})
    button.props["data-label"] = words("theme.switch")
    for name in ("auto", "light", "dark"):
        button.props[f"data-{name}"] = words(f"theme.{name}")
    button.on("click", js_handler=_SWITCH_THEME % THEME_COOKIE)
