"""Which language a request wants: ``?lang=`` first, then ``Accept-Language``, else English."""

from typing import Annotated

from fastapi import Depends, Query, Request

from model.device import Language


def language_of(request: Request) -> Language:
    """Return the language for texts in the answer to this request."""
    asked = request.query_params.get("lang")
    if asked is not None:
        return "fr" if asked.strip().lower().startswith("fr") else "en"
    return accepted(request.headers.get("accept-language", ""))


def accepted(header: str) -> Language:
    """Return the language that an ``Accept-Language`` header prefers among ours; the first of equals."""
    best: Language = "en"
    weight = 0.0
    for part in header.lower().split(","):
        tag, _, parameter = part.strip().partition(";")
        primary = tag.strip().partition("-")[0]
        quality = quality_of(parameter)
        if quality > weight and primary in {"en", "fr"}:
            best = "fr" if primary == "fr" else "en"
            weight = quality
    return best


def quality_of(parameter: str) -> float:
    """Return the weight that ``q=…`` gives, 1 when there is none, 0 when it is not a number."""
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0


async def _language(
    request: Request,
    lang: Annotated[  # read by language_of; stands here so that OpenAPI tells of it
        str | None, Query(max_length=35, description="Language of texts, `en` or `fr`; wins over `Accept-Language`.")
    ] = None,
) -> Language:
    del lang
    return language_of(request)


LanguageDep = Annotated[Language, Depends(_language)]
