"""Our errors → HTTP answers (RFC 9457 ``application/problem+json``), in one table.

Rules:

1. Every answer of 400 or above is a problem document: ``type``, ``title``, ``status``, ``detail``, ``instance``, and
   members of its own such as ``near`` (names that are like the one given) or ``errors`` (each wrong part of a request).
   SensorThings alone tells its refusals as its standard has them.
2. ``detail`` says what to do next. Titles follow the language of the request; details do where they know it
   (``model.said``: what is wrong with rules), the others are in English.
3. What nobody foresaw is logged with a reference id, and only that id is told: never a stack trace.
4. What stands behind a network's callback address may be its token: it is neither logged nor told.
"""

import difflib
import json
import logging
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import compile_path

from api.language import language_of
from model.device import Language, Text
from model.errors import (
    BadRequestError,
    ConflictError,
    DecodeError,
    EncodeError,
    NotFoundError,
    PenfeldError,
    SetAsideError,
    UnavailableError,
    UnknownTypeError,
)
from model.said import Said, in_language, told

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort of problem: its status, the last part of its ``type``, its title."""

    status: int
    slug: str
    title: Text


UNKNOWN_TYPE = Sort(404, "unknown-device-type", Text(en="No such device type", fr="Type d'appareil inconnu"))
UNKNOWN_DEVICE = Sort(404, "unknown-device", Text(en="No such device", fr="Appareil inconnu"))
NOT_FOUND = Sort(404, "not-found", Text(en="Not found", fr="Introuvable"))
CONFLICT = Sort(409, "conflict", Text(en="Contradicts what is there", fr="En conflit avec l'existant"))
BAD_PAYLOAD = Sort(422, "payload-does-not-fit", Text(en="The payload does not fit", fr="Trame indéchiffrable"))
BAD_VALUES = Sort(422, "values-do-not-fit", Text(en="The values do not fit", fr="Valeurs impossibles à coder"))
INVALID = Sort(422, "invalid-request", Text(en="The request makes no sense", fr="Requête invalide"))
UNAVAILABLE = Sort(503, "unavailable", Text(en="Unavailable for the moment", fr="Momentanément indisponible"))
NOT_ALLOWED = Sort(405, "method-not-allowed", Text(en="Method not allowed here", fr="Méthode non autorisée"))
NOT_ACCEPTABLE = Sort(406, "not-acceptable", Text(en="No such format", fr="Format indisponible"))
TOO_LARGE = Sort(413, "too-large", Text(en="Too large", fr="Trop volumineux"))
NO_SUCH_RANGE = Sort(416, "no-such-range", Text(en="No such part", fr="Partie inexistante"))
UNSUPPORTED = Sort(415, "unsupported-media-type", Text(en="Not a format we read", fr="Format non pris en charge"))
TOO_MANY = Sort(429, "too-many-requests", Text(en="Too many requests", fr="Trop de requêtes"))
UNAUTHORIZED = Sort(401, "unauthorized", Text(en="Not authorised", fr="Non autorisé"))
FORBIDDEN = Sort(403, "forbidden", Text(en="Not allowed", fr="Interdit"))
UNEXPECTED = Sort(500, "unexpected", Text(en="Something went wrong here", fr="Erreur interne"))

_TABLE: tuple[tuple[type[PenfeldError], Sort], ...] = (
    # the first line that fits holds: children before their parents
    (UnknownTypeError, UNKNOWN_TYPE),
    (DecodeError, BAD_PAYLOAD),
    (SetAsideError, INVALID),
    (EncodeError, BAD_VALUES),
    (NotFoundError, NOT_FOUND),
    (ConflictError, CONFLICT),
    (BadRequestError, INVALID),
    (UnavailableError, UNAVAILABLE),
)

_BY_STATUS = {
    sort.status: sort
    for sort in (NOT_FOUND, NOT_ALLOWED, NOT_ACCEPTABLE, TOO_LARGE, UNSUPPORTED, UNAUTHORIZED, FORBIDDEN, INVALID)
}


class Problem(HTTPException):
    """A problem found by a route itself. ``members``: what its document says beyond the standard members."""

    def __init__(self, sort: Sort, detail: str, *, headers: Mapping[str, str] | None = None, **members: object) -> None:
        super().__init__(sort.status, detail, headers)
        self.sort = sort
        self.members = members


_STA = "/sta/"
"""What stands behind this has errors of its own form."""
_SECRET = re.compile(r"(/callbacks/[^/]*/).+", re.DOTALL)


def address_of(request: Request) -> str:
    """Return the path of a request as it may be told and logged."""
    return _SECRET.sub(r"\1…", request.url.path)


def near(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three of the known names that are like this one, the likest first."""
    return difflib.get_close_matches(name[:100], list(known), n=3, cutoff=0.5)


def unknown(what: str, name: str, known: Iterable[str], *, sort: Sort = INVALID, listed: str = "") -> Problem:
    """Return the problem of a name that does not exist, with names that are like it.

    ``listed``: the address that lists the names, where there may be many.
    """
    names = list(known)
    likely = near(name, names)
    hint = f"{listed} lists them" if listed else f"there are {', '.join(names)}"
    if likely:
        hint = f"did you mean {' or '.join(likely)}?"
    return Problem(sort, f"there is no {what} named {name[:100]!r}; {hint}", near=likely)


def document(
    sort: Sort,
    detail: str,
    *,
    instance: str,
    language: Language,
    members: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the answer that tells a problem."""
    body = {
        **_in_language(members or {}, language),
        "type": f"urn:penfeld:problem:{sort.slug}",
        "title": sort.title.get(language),
        "status": sort.status,
        "detail": in_language(detail, language),
        "instance": instance,
    }
    return Response(
        # plain ASCII, because what was sent to us may hold half a surrogate pair, which UTF-8 cannot say
        json.dumps(body, ensure_ascii=True).encode(),
        sort.status,
        {"Content-Language": language, "Cache-Control": "no-store", **(headers or {})},
        MEDIA_TYPE,
    )


def _in_language(members: object, language: Language) -> Any:  # noqa: ANN401 -- plain values of JSON
    """Return what a document tells beside its detail, with its sentences in a language."""
    if isinstance(members, Mapping):
        return {key: _in_language(value, language) for key, value in members.items()}
    if isinstance(members, list):
        return [_in_language(one, language) for one in members]
    return in_language(members, language) if isinstance(members, Said) else members


def unexpected(path: str, error: Exception, language: Language) -> Response:
    """Log an error that nobody foresaw and return the answer that gives its reference."""
    reference = secrets.token_hex(4)
    log.error("unexpected error %s while answering %s", reference, path, exc_info=error)
    detail = f"this is our fault, not yours; tell the operator the reference {reference}, which is in the log"
    return document(UNEXPECTED, detail, instance=path, language=language, members={"reference": reference})


def install(app: FastAPI) -> None:
    """Make the application answer every error with a problem document."""
    app.add_exception_handler(PenfeldError, _penfeld_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(StarletteHTTPException, _http_error)


async def _penfeld_error(request: Request, error: Exception) -> Response:
    sort = next((sort for kind, sort in _TABLE if isinstance(error, kind)), None)
    language = language_of(request)
    if sort is None:
        return unexpected(address_of(request), error, language)
    members = {"offset": error.offset} if isinstance(error, DecodeError) else None
    headers = {"Retry-After": str(RETRY_AFTER_S)} if sort is UNAVAILABLE else None
    return document(
        sort, told(error), instance=address_of(request), language=language, members=members, headers=headers
    )


async def _validation_error(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else ()
    problems = [{"where": _where(one["loc"]), "problem": _plain(one["msg"])} for one in found]
    detail = "; ".join(f"{one['where']}: {one['problem']}" for one in problems)
    return document(
        INVALID, detail, instance=address_of(request), language=language_of(request), members={"errors": problems}
    )


def _where(location: Sequence[object]) -> str:
    return ".".join(str(part) for part in location)[:200]


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ")


async def _http_error(request: Request, error: Exception) -> Response:
    language = language_of(request)
    if isinstance(error, Problem):
        if request.url.path.startswith(_STA):
            return _sta(error)
        return document(
            error.sort,
            error.detail,
            instance=address_of(request),
            language=language,
            members=error.members,
            headers=error.headers,
        )
    if not isinstance(error, StarletteHTTPException):
        return unexpected(address_of(request), error, language)
    if error.status_code == HTTPStatus.BAD_REQUEST:  # FastAPI could not read the body at all
        return document(INVALID, "the body is no JSON", instance=address_of(request), language=language)
    text, headers = str(error.detail), error.headers
    sort = _BY_STATUS.get(error.status_code, Sort(error.status_code, "http", Text(en=text, fr=text)))
    if sort is NOT_FOUND:
        text = "there is nothing at this address; /api/v1/openapi.json lists what there is"
    if sort is NOT_ALLOWED:
        headers = {"Allow": _methods(request)}
        text = f"this address takes {headers['Allow']}"
    return document(sort, text, instance=address_of(request), language=language, headers=headers)


def _sta(error: Problem) -> Response:
    """Return the answer as clients of SensorThings expect it."""
    body = json.dumps({"code": error.status_code, "type": "error", "message": str(error.detail)}).encode()
    return Response(body, error.status_code, {"Cache-Control": "no-store", **(error.headers or {})}, "application/json")


async def nothing_here(request: Request) -> None:
    """Answer what no route of the API does: a page of the console would be no answer to a program."""
    raise StarletteHTTPException(HTTPStatus.METHOD_NOT_ALLOWED if _methods(request) else HTTPStatus.NOT_FOUND)


def _methods(request: Request) -> str:
    """Return every method that the address takes; the framework's own answer knows only the first."""
    paths = request.app.openapi()["paths"]
    found = [method for path in paths if _pattern(path).match(request.url.path) for method in paths[path]]
    return ", ".join(dict.fromkeys(method.upper() for method in found))


def _pattern(path: str) -> re.Pattern[str]:
    """Return what an address of this path looks like; the document does not tell that names of rules have slashes."""
    return compile_path(path.replace("{rule}", "{rule:path}"))[0]
