"""The open-data catalogue at ``/catalog``: pages for people, DCAT-AP for machines, and the files themselves.

Rules:

1. Which datasets the asker may see is decided in ``_visible`` alone; every route asks there first.
2. A suffix (``.jsonld``, ``.ttl``, ``.rdf``) wins over ``Accept``; no preference is answered in JSON-LD, a browser's
   with a page.
3. What is published is for anybody, also where nothing else is: no route looks at who asks.
4. A file goes out as it is: never compressed on the way, with its SHA-256 as ETag, whole or in ranges.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse

from api.access.rights import unguarded
from api.context import Context, ContextDep
from api.errors import NO_SUCH_RANGE, NOT_ACCEPTABLE, NOT_FOUND, Problem, unknown
from api.language import LanguageDep, quality_of
from api.openapi import problems
from model.dataset import OpenFile

router = APIRouter(prefix="/catalog", tags=["open data"])

HTML = "text/html; charset=utf-8"
MEDIA_TYPES: Mapping[str, str] = {
    "jsonld": "application/ld+json",
    "ttl": "text/turtle",
    "rdf": "application/rdf+xml",
    "html": "text/html",
}
_ALSO = {"application/json": "jsonld", "application/xml": "rdf", "text/xml": "rdf", "application/xhtml+xml": "html"}
_FRESH_S = 300
_LASTING = "public, max-age=31536000, immutable"
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

Form = Annotated[
    Literal["jsonld", "ttl", "rdf", "json", "xml", "html"],
    Path(description="`jsonld` (or `json`), `ttl` (Turtle), `rdf` (or `xml`), `html` (the page for people)."),
]
DatasetPath = Annotated[str, Path(max_length=100, description="Id of a dataset.")]
PageQuery = Annotated[int, Query(alias="page", ge=1, le=1_000_000, description="Page of the catalogue, from 1.")]
_RDF: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page of the catalogue, or the page for people",
        "content": {
            media: {"schema": {"type": "object" if form == "jsonld" else "string"}}
            for form, media in MEDIA_TYPES.items()
        },
    }
}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
    206: {
        "description": "Parts of it, as `Range` asks",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
    304: {"description": "It is the one that you have"},
}


@router.get("", summary="The catalogue", responses={**_RDF, **problems(404, 406, 422)}, response_class=Response)
@unguarded
async def catalogue(request: Request, context: ContextDep, language: LanguageDep, page: PageQuery = 1) -> Response:
    """Return the catalogue: DCAT-AP as JSON-LD, Turtle or RDF/XML, a page for people in a browser."""
    names = await _visible(context)
    form = _accepted(request.headers.get("accept", "*/*"))
    if form == "html":
        return _page(await context.open_data.listing(language, _base(request, context), names), language)
    return _rdf(await context.open_data.catalogue(form, _base(request, context), names, page), form)


@router.get("/style.css", include_in_schema=False)
@unguarded
async def style(context: ContextDep) -> Response:
    """Return the style sheet of the pages."""
    return Response(context.open_data.style(), media_type="text/css", headers={"Cache-Control": f"max-age={_FRESH_S}"})


@router.get(
    "/{dataset}",
    summary="One dataset",
    responses={**_RDF, **problems(404, 406, 422)},
    response_class=Response,
)
@unguarded
async def dataset(request: Request, context: ContextDep, language: LanguageDep, dataset: DatasetPath) -> Response:
    """Return one dataset; its id with `.jsonld`, `.ttl` or `.rdf` behind it asks for that form."""
    name, form = _split(dataset)
    name = await _known(context, name)
    form = form or _accepted(request.headers.get("accept", "*/*"))
    if form == "html":
        return _page(await context.open_data.page(language, _base(request, context), name), language)
    return _rdf(await context.open_data.described(form, _base(request, context), name), form)


@router.get(
    "/{dataset}/files/{file}",
    summary="A published file",
    responses={**_FILE, **problems(404, 416, 422)},
    response_class=Response,
)
@unguarded
async def published(
    request: Request,
    context: ContextDep,
    dataset: DatasetPath,
    file: Annotated[str, Path(max_length=100, description="Name of a file: `2026-11-20.parquet`.")],
) -> Response:
    """Return a file of a dataset, whole or the parts that `Range` names. Its `ETag` is its SHA-256."""
    found = await context.open_data.file(await _known(context, dataset), file)
    headers = _headers(found)
    if _same(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    _check_range(request, found, headers)
    return FileResponse(found.path, headers=headers, media_type=found.media_type, filename=file)


router.add_api_route("", catalogue, methods=["HEAD"], include_in_schema=False)
router.add_api_route("/{dataset}", dataset, methods=["HEAD"], include_in_schema=False)
router.add_api_route("/{dataset}/files/{file}", published, methods=["HEAD"], include_in_schema=False)

whole = APIRouter(tags=["open data"])
"""``/catalog.ttl`` and the like, which no prefix of ``/catalog`` holds."""


@whole.get(
    "/catalog.{form}",
    summary="The catalogue in one form",
    responses={**_RDF, **problems(404, 422)},
    response_class=Response,
)
@unguarded
async def catalogue_form(
    request: Request, context: ContextDep, language: LanguageDep, form: Form, page: PageQuery = 1
) -> Response:
    """Return the catalogue in the form that the address names: this is what a harvester is given."""
    names = await _visible(context)
    known = _FORMS[form]
    if known == "html":
        return _page(await context.open_data.listing(language, _base(request, context), names), language)
    return _rdf(await context.open_data.catalogue(known, _base(request, context), names, page), known)


whole.add_api_route("/catalog.{form}", catalogue_form, methods=["HEAD"], include_in_schema=False)

_FORMS: Mapping[str, str] = {
    "jsonld": "jsonld",
    "json": "jsonld",
    "ttl": "ttl",
    "rdf": "rdf",
    "xml": "rdf",
    "html": "html",
}


async def _visible(context: Context) -> Sequence[str]:
    """Return the ids of the datasets that the asker may see."""
    return context.open_data.names()


async def _known(context: Context, name: str) -> str:
    """Return the id of a dataset that the asker may see; one that they may not is as unknown as one that is not."""
    names = await _visible(context)
    if name not in names:
        raise unknown("dataset", name, names, sort=NOT_FOUND, listed="/catalog")
    return name


def _split(name: str) -> tuple[str, str]:
    """Return a dataset's id and the form behind it, "" for none."""
    bare, dot, ending = name.rpartition(".")
    return (bare, _FORMS[ending]) if dot and ending in _FORMS else (name, "")


def _accepted(header: str) -> str:
    """Return the form that an ``Accept`` header prefers; JSON-LD where it has no preference."""
    kinds = {**{media: form for form, media in MEDIA_TYPES.items()}, **_ALSO}
    best, weight = "", 0.0
    for part in header.lower().split(","):
        media, _, parameter = part.strip().partition(";")
        quality = quality_of(parameter)
        form = kinds.get(media.strip()) or ("jsonld" if media.strip() in {"*/*", "application/*"} else "")
        if media.strip() == "text/*":
            form = "html"
        if form and quality > weight:
            best, weight = form, quality
    if not best:
        raise Problem(NOT_ACCEPTABLE, f"the catalogue comes as {', '.join(MEDIA_TYPES.values())}: ask for one of them")
    return best


def _base(request: Request, context: Context) -> str:
    """Return the address of the site: the one that is set, else the one that was asked."""
    return context.config.public_url.rstrip("/") or str(request.base_url).rstrip("/")


def _page(text: str, language: str) -> Response:
    headers = {
        "Content-Language": language,
        "Vary": "Accept, Accept-Language",
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
    }
    return Response(text, headers=headers, media_type=HTML)


def _rdf(body: bytes, form: str) -> Response:
    headers = {"Vary": "Accept", "Access-Control-Allow-Origin": "*", "Cache-Control": f"max-age={_FRESH_S}"}
    return Response(body, headers=headers, media_type=f"{MEDIA_TYPES[form]}; charset=utf-8")


def _headers(found: OpenFile) -> dict[str, str]:
    return {
        "ETag": f'"{found.digest}"',
        "Cache-Control": _LASTING if found.lasting else f"max-age={_FRESH_S}",
        "Content-Encoding": "identity",  # what is compressed on the way has neither ranges nor this checksum
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "ETag, Content-Length, Content-Range, Accept-Ranges",
        "X-Content-Type-Options": "nosniff",
    }


_RANGE = re.compile(r"bytes=\s*(?:\d+-\d*|-\d+)(?:\s*,\s*(?:\d+-\d*|-\d+)){0,9}")


def _check_range(request: Request, found: OpenFile, headers: Mapping[str, str]) -> None:
    """Leave out a ``Range`` that cannot be read, as RFC 9110 wants it; refuse one that the file does not have."""
    header = request.headers.get("range")
    if header is None:
        return
    if not _RANGE.fullmatch(header.strip()):
        request.scope["headers"] = [pair for pair in request.scope["headers"] if pair[0] != b"range"]
        return
    size = found.path.stat().st_size
    starts = [int(part.strip().partition("-")[0] or "0") for part in header.strip().removeprefix("bytes=").split(",")]
    stale = request.headers.get("if-range") not in {None, headers["ETag"]}
    if min(starts) >= size and not stale:
        detail = f"the file has {size} bytes: ask for a part of these"
        raise Problem(NO_SUCH_RANGE, detail, headers={"Content-Range": f"bytes */{size}"})


def _same(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    return header.strip() == "*" or etag in {one.strip().removeprefix("W/") for one in header.split(",")}
