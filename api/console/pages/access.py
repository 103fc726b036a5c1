"""Accounts, tokens, and who changed what, for who manages them: ``/access``."""

import json

from fastapi import Request
from nicegui import ui

from api.console.components.alarm_card import button
from api.console.components.elements import Refresh, Text, block
from api.console.components.grid import Cell, Column, Grid, Row
from api.console.formats import clock_time
from api.console.frame import Page, frame, words_for
from api.console.parts import Parts
from api.console.texts import Words
from model.access import Permission, Token, User
from model.access_ports import Access
from model.alarm import AuditLine
from model.errors import NotFoundError

_LINES = 50
_LONGEST = 120


def register(parts: Parts) -> None:
    """Make the page known."""

    @ui.page("/access")
    def page(request: Request) -> None:
        words = words_for(request)
        mine = parts.of(request)
        with frame(request, "access", words("access.title"), words, mine.bell) as here:
            if mine.access is not None and mine.asker.may(Permission.MANAGE):
                AccessPage(mine, mine.access, here)


class AccessPage:
    """One admin's look at them, read again every five seconds."""

    def __init__(self, parts: Parts, access: Access, page: Page) -> None:
        self._parts, self._access = parts, access
        self._words = words = page.words
        with block("div", "head"):
            Text("h1", words("access.title"))
            Text("p", words("access.intro"), "lead")
        self._users = _grid(words, "access.users", ("user", "role", "experiments", "since"))
        self._tokens = _grid(words, "access.tokens", ("token", "owner", "scope", "used", "ends"), "access.tokens.none")
        with block("div", "quarantine-line"):
            self._number = ui.input(words("access.revoke")).props("dense outlined inputmode=numeric maxlength=18")
            button(words("access.revoke.go"), "button second", self._revoke)
            self._done = Text("p", "", "small")
            self._done.props["role"] = "status"
        self._audit = _grid(words, "access.audit", ("when", "who", "what", "target", "more"), "access.audit.none")
        self._refresh = Refresh(5.0, self._load, page.notice)

    async def _load(self) -> None:
        words = self._words
        self._users.show([user_row(one, words) for one in await self._access.users()])
        self._tokens.show([token_row(one, words) for one in await self._access.tokens()])
        self._audit.show([audit_row(one, words) for one in await self._access.audit(limit=_LINES)])

    async def _revoke(self) -> None:
        asked = str(self._number.value or "").strip()
        try:
            number = int(asked) if asked.isascii() and asked.isdecimal() else 0
            await self._access.revoke(number, who=self._parts.asker.who, at=self._parts.clock())
        except NotFoundError as error:
            self._done.say(str(error))
            return
        self._done.say(self._words("access.revoked.done", id=asked))
        self._refresh.soon()


def user_row(user: User, words: Words) -> Row:
    """Return what an account is."""
    among = ", ".join(f"{name} ({words(f'role.{role.value}')})" for name, role in sorted(user.memberships.items()))
    return _row(
        user.name, user.name, words(f"role.{user.role.value}"), among, clock_time(user.created_at, words.language)
    )


def token_row(token: Token, words: Words) -> Row:
    """Return what a token may, and whether anybody needs it."""
    used = words("never") if token.used_at is None else clock_time(token.used_at, words.language)
    ends = words("access.endless") if token.expires_at is None else clock_time(token.expires_at, words.language)
    if token.revoked_at is not None:
        ends = words("access.revoked")
    named = f"{token.id} · {token.name} ({token.prefix}…)"
    return _row(str(token.id), named, token.owner, " ".join(sorted(token.scope)), used, ends)


def audit_row(line: AuditLine, words: Words) -> Row:
    """Return who did what."""
    more = json.dumps(line.detail, ensure_ascii=False)[:_LONGEST] if line.detail else ""
    return _row(str(line.id), clock_time(line.at, words.language), line.who, line.what, line.target, more)


def _row(key: str, *texts: str) -> Row:
    return Row(key, tuple(Cell(text=text) for text in texts))


def _grid(words: Words, title: str, keys: tuple[str, ...], empty: str = "") -> Grid:
    with block("section", "panel"):
        with block("div", "panel-head"):
            Text("h2", words(title))
        columns = [Column(key=key, label=words(f"access.{key}")) for key in keys]
        return Grid(columns, caption=words(title), empty=words(empty) if empty else "")
