"""Logging in by the city's identity provider: pages that browsers pass through, in nobody's API.

Rules:

1. Whatever goes wrong is a page in the person's language that leads back to the login, where local accounts still work.
2. What the provider sent is shown nowhere, and logged nowhere but for what is wrong with it.
"""

import html
import logging
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from api.access.rights import unguarded
from api.language import language_of
from api.oidc.claims import RefusedError
from api.oidc.desk import OidcDesk
from api.oidc.flow import LIFETIME_S
from model.device import Text
from model.errors import UnavailableError

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)

LOCAL_LOGIN = "/login"
_COOKIE, _SAFE_COOKIE = "penfeld-oidc", "__Host-penfeld-oidc"
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; style-src 'unsafe-inline'",
}
_TITLE = Text(en="You are not logged in", fr="Vous n'êtes pas connecté")
_AGAIN = Text(en="Back to the login", fr="Retour à la connexion")
_AWAY = Text(
    en="The identity provider does not answer. Accounts of Penfeld's own still work; try again in a while.",
    fr="Le fournisseur d'identité ne répond pas. Les comptes propres à Penfeld fonctionnent ; réessayez plus tard.",
)


def install(app: FastAPI, desk: OidcDesk | None) -> None:
    """Add these pages to an application; without a desk, they are not there."""
    app.state.oidc = desk
    app.include_router(router)


def provider_of(app: FastAPI) -> str | None:
    """Return what the provider is called, "" for no name; ``None`` where nobody logs in by one."""
    desk = getattr(app.state, "oidc", None)
    return desk.config.label if isinstance(desk, OidcDesk) else None


async def _desk(request: Request) -> OidcDesk:
    desk = getattr(request.app.state, "oidc", None)
    if not isinstance(desk, OidcDesk):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return desk


DeskDep = Annotated[OidcDesk, Depends(_desk)]


@router.get("/login/oidc")
@unguarded
async def begin(request: Request, desk: DeskDep, back: str = "/") -> Response:
    """Send a browser to the provider."""
    try:
        address, sealed = await desk.begin(back)
    except UnavailableError as error:
        return _trouble(request, desk, str(error), _AWAY, HTTPStatus.SERVICE_UNAVAILABLE)
    answer = RedirectResponse(address, HTTPStatus.SEE_OTHER, _HEADERS)
    answer.set_cookie(
        _name(desk), sealed, max_age=LIFETIME_S, path="/", secure=desk.config.secure, httponly=True, samesite="lax"
    )
    return answer


@router.get("/login/oidc/callback")
@unguarded
async def callback(request: Request, desk: DeskDep) -> Response:
    """Take a browser back from the provider, and begin its session."""
    try:
        session, back = await desk.finish(dict(request.query_params), request.cookies.get(_name(desk), ""))
    except RefusedError as error:
        return _trouble(request, desk, str(error), error.reason, HTTPStatus.FORBIDDEN)
    except UnavailableError as error:
        return _trouble(request, desk, str(error), _AWAY, HTTPStatus.SERVICE_UNAVAILABLE)
    answer = RedirectResponse(back, HTTPStatus.SEE_OTHER, _HEADERS)
    answer.headers.append("set-cookie", session)
    return _cleared(answer, desk)


@router.post("/logout/oidc")
@unguarded
async def leave(request: Request, desk: DeskDep) -> Response:
    """End a session, here and at the provider. A form asks for it: no link of another page can."""
    cleared, address = await desk.leave(request.cookies)
    answer = RedirectResponse(address, HTTPStatus.SEE_OTHER, _HEADERS)
    answer.headers.append("set-cookie", cleared)
    return answer


def _name(desk: OidcDesk) -> str:
    return _SAFE_COOKIE if desk.config.secure else _COOKIE


def _cleared(answer: Response, desk: OidcDesk) -> Response:
    answer.delete_cookie(_name(desk), path="/", secure=desk.config.secure, httponly=True, samesite="lax")
    return answer


def _trouble(request: Request, desk: OidcDesk, logged: str, shown: Text, status: HTTPStatus) -> Response:
    """Log what is wrong, and tell the person what to do."""
    log.warning("login by %s: %s", desk.config.issuer, logged)
    language = language_of(request)
    title, text, again = (html.escape(one.get(language)) for one in (_TITLE, shown, _AGAIN))
    page = (
        f'<!doctype html><html lang="{html.escape(language)}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title>'
        '<body style="font:1rem/1.5 system-ui;max-width:34rem;margin:4rem auto;padding:0 1rem">'
        f'<h1>{title}</h1><p>{text}</p><p><a href="{LOCAL_LOGIN}">{again}</a></p>'
    )
    answer = Response(page, status, {**_HEADERS, "Content-Language": language}, "text/html; charset=utf-8")
    return _cleared(answer, desk)
