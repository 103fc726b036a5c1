"""The catalogue: sensor models with fields and units, and decoding and encoding by them."""

import asyncio
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.access.rights import needs
from api.codecs import left, suspended
from api.context import PREFIX, Context, ContextDep
from api.decoding import said
from api.errors import INVALID, UNKNOWN_TYPE, Problem, unknown
from api.language import LanguageDep
from api.openapi import problems
from api.parameters import CursorQuery, known_device, next_link, page_of
from api.schemas import (
    CodecOut,
    DecodedField,
    DecodedOut,
    DecodedRecord,
    DecodeIn,
    DeviceTypeDetail,
    DeviceTypeOut,
    EncodedOut,
    EncodeIn,
    ExampleOut,
    ExampleRecordOut,
    FieldAddedOut,
    FieldIn,
    FieldOut,
    FrameOut,
    Page,
    PlaceOut,
    TextOut,
    UnmappedOut,
    Word,
)
from decoders import quality
from decoders.device import Definition, Example, Record
from decoders.layout import TIME
from model.access import Permission
from model.device import DeviceType, Field, Language, NewField, Text
from model.errors import UnknownTypeError
from model.quantities import QUANTITIES
from model.uplink import Value

router = APIRouter(prefix=f"{PREFIX}/device-types", tags=["device types"])

MAX_TYPES = 500

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BETWEEN = re.compile(r"\s+")
_BETWEEN_HEX = re.compile(r"0[xX]|[:,-]")
_NO_HEX = re.compile(r"[^0-9a-fA-F]")

Name = Annotated[Word, Path(description="Name of a device type", examples=["penfeld_streetlight"])]


@router.get("", summary="Device types", responses=problems(422))
@needs(Permission.DATA)
async def device_types(
    request: Request,
    response: Response,
    context: ContextDep,
    domain: Annotated[Word | None, Query(description="Only this domain.", examples=["lighting"])] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_TYPES, description=f"Types a page, at most {MAX_TYPES:,}.")] = 100,
    cursor: CursorQuery = None,
) -> Page[DeviceTypeOut]:
    """Every sensor model of the catalogue with its fields, by name."""
    # reads every device file when first asked
    types = await asyncio.to_thread(context.catalogue.types)
    chosen = sorted((one for one in types if domain in {None, one.domain}), key=lambda one: one.name)
    page, following = page_of(chosen, lambda one: one.name, limit=limit, cursor=cursor)
    response.headers.update(next_link(request, following))
    return Page(items=[_type_out(one) for one in page], limit=limit, next_cursor=following)


@router.get("/{name}", summary="One device type", responses=problems(404, 422))
@needs(Permission.DATA)
async def device_type(context: ContextDep, name: Name) -> DeviceTypeDetail:
    """Tell one sensor model: its fields with quantity, unit and plausible range, its frames, example payloads.

    Of one that a codec reads: which script or format that is, which path each field is read from, and whether ingest
    still asks it.
    """
    definition = _definition(context, name)
    return DeviceTypeDetail(
        **dict(_type_out(definition.type)),
        frames=[FrameOut.model_validate(frame) for frame in definition.frames],
        examples=[_example_out(example) for example in definition.examples],
        codec=_codec_out(context, definition),
    )


@router.get("/{name}/unmapped", summary="What no field takes", responses=problems(404, 422, 503))
@needs(Permission.DECODE)
async def unmapped(
    context: ContextDep,
    name: Name,
    device: Annotated[Word | None, Query(description="Only what this device says, in any spelling.")] = None,
) -> Page[UnmappedOut]:
    """Tell what the codec said of the newest frames that no field takes, with a field for each where it is clear.

    Looked at are a few frames of the devices that spoke last. What is clear comes first, then what many devices say.
    """
    definition = _definition(context, name)
    wanted = None if device is None else (await known_device(context, device)).id
    lines = await left(context.queries, definition, wanted)
    return Page(items=[UnmappedOut.model_validate(line) for line in lines], limit=max(len(lines), 1))


@router.post("/{name}/fields", summary="Add a field", status_code=201, responses=problems(404, 409, 413, 422))
@needs(Permission.CATALOGUE)
async def add_field(context: ContextDep, name: Name, asked: FieldIn) -> FieldAddedOut:
    """Write a field for a path into the device file; all else in it stays as it is.

    Only files in folders of your own catalogue are written, not those that come with Penfeld. Where device files are
    watched (`penfeld run`, `penfeld demo`) it counts within seconds: new frames have the field, and history gets it
    when it is decoded again.
    """
    definition = _definition(context, name)
    if asked.quantity not in QUANTITIES:
        raise unknown("quantity", asked.quantity, QUANTITIES)
    title = None if asked.title is None else Text(en=asked.title.en, fr=asked.title.fr)
    field = NewField(
        path=asked.path, name=asked.name, kind=asked.kind, quantity=asked.quantity, unit=asked.unit, title=title
    )
    changed = await context.device_files.add_field(definition.type.name, field)
    await context.note("device_type.field", name, after={"path": field.path, "name": field.name})
    return FieldAddedOut.model_validate(
        {"device_type": name, "version": changed.version, "field": changed.field(field.name)}
    )


@router.post("/{name}/decode", summary="Decode a payload", responses=problems(404, 413, 422, 503))
@needs(Permission.DECODE)
async def decode(context: ContextDep, language: LanguageDep, name: Name, asked: DecodeIn) -> DecodedOut:
    """Tell what a payload says, field by field with units; nothing is stored.

    A payload that does not fit is refused with the reason and the byte (`offset`) at which decoding stopped. A maker's
    script is run as ingest does; `rest` tells what it says that no field takes.
    """
    definition = _definition(context, name)
    payload = _bytes(asked)
    told = await said(definition, payload, asked.f_port, codecs=context.codecs, at=context.clock())
    # the batch has the same records in columns, which is what values are judged in
    batch = (
        definition.decode_batch([payload], [asked.f_port])
        if told.output is None
        else definition.decode_outputs([told.output])
    )
    flags = quality.flags(definition.type, batch.columns)
    return DecodedOut(
        device_type=name,
        frame=told.decoded.frame,
        size=len(payload),
        records=[
            _record_out(definition.type, record, flags.get(row, ()), language)
            for row, record in enumerate(told.decoded.records)
        ],
        rest=dict(told.rest),
        warnings=list(told.decoded.warnings),
        log=list(told.log),
    )


@router.post("/{name}/encode", summary="Encode values", responses=problems(404, 413, 422))
@needs(Permission.DECODE)
async def encode(context: ContextDep, name: Name, asked: EncodeIn) -> EncodedOut:
    """Make the payload that a device would send to say these values, rounded to what its layout can express."""
    definition = _definition(context, name)
    if (asked.values is None) == (asked.records is None):
        raise Problem(INVALID, "give either values, of one reading, or records, of several")
    known = [field.name for field in definition.type.fields]
    for record in asked.records or [asked.values or {}]:
        for field in record:
            if field not in {*known, TIME} and not field.startswith("_"):
                raise unknown(f"field of {name}", field, known)
    values = asked.values if asked.values is not None else asked.records or []
    encoded = definition.encode(values, frame=asked.frame, f_port=asked.f_port)
    return EncodedOut(
        device_type=name,
        payload=encoded.payload.hex(),
        base64=b64encode(encoded.payload).decode(),
        size=len(encoded.payload),
        f_port=encoded.f_port,
    )


def _bytes(asked: DecodeIn) -> bytes:
    """Return the payload that somebody pasted; raise a problem that says what is wrong with it."""
    bare = _BETWEEN.sub("", asked.payload)
    try:
        if asked.encoding == "base64":
            return b64decode(bare.replace("-", "+").replace("_", "/") + "=" * (-len(bare) % 4), validate=True)
        return bytes.fromhex(_BETWEEN_HEX.sub("", bare))
    except ValueError:
        pass
    if asked.encoding == "base64":
        raise Problem(INVALID, "payload: this is no base64")
    wrong = _NO_HEX.search(_BETWEEN_HEX.sub("", bare))
    detail = f"{wrong[0]!r} is no hex digit" if wrong else "an odd number of hex digits; a byte has two"
    raise Problem(INVALID, f"payload: {detail}; if it is base64, say encoding: base64")


def _record_out(device_type: DeviceType, record: Record, flags: Sequence[str], language: Language) -> DecodedRecord:
    own = None if record.time_us is None else _EPOCH + timedelta(microseconds=record.time_us - record.age_us)
    known = {field.name: field for field in device_type.fields}
    fields = [_field_out(known[name], value, flags, language) for name, value in record.values.items()]
    return DecodedRecord(time=own, age_s=record.age_us / 1e6, fields=fields)


def _field_out(field: Field, value: Value, flags: Sequence[str], language: Language) -> DecodedField:
    return DecodedField(
        name=field.name,
        title=field.title.get(language),
        value=value,
        unit=field.unit,
        quantity=field.quantity,
        flags=[flag for flag in flags if flag.startswith(f"{field.name}:")],
    )


def _example_out(example: Example) -> ExampleOut:
    return ExampleOut(
        name=example.name,
        f_port=example.f_port,
        payload=example.payload.hex(),
        records=[
            ExampleRecordOut(values=dict(record.values), time=record.time, age_s=record.age.total_seconds())
            for record in example.records
        ],
        warnings=list(example.warnings),
        error=example.error,
    )


def _type_out(device_type: DeviceType) -> DeviceTypeOut:
    """Return a device type as it is told."""
    return DeviceTypeOut(
        name=device_type.name,
        title=TextOut.model_validate(device_type.title),
        vendor=device_type.vendor,
        model=device_type.model,
        domain=device_type.domain,
        networks=list(device_type.networks),
        period_s=device_type.period.total_seconds(),
        source=device_type.source,
        version=device_type.version,
        reference=device_type.reference,
        fields=[FieldOut.model_validate(field) for field in device_type.fields],
    )


def _codec_out(context: Context, definition: Definition) -> CodecOut | None:
    """Return what reads the payloads of a type that has no layout."""
    codec = definition.codec
    if codec is None:
        return None
    return CodecOut(
        script=codec.script,
        format=None if codec.format is None else codec.format.name,
        variables=dict(codec.variables),
        times=list(codec.times),
        places=[PlaceOut.model_validate(place) for place in codec.places],
        suspended=suspended(definition, context.hub.statuses.values(), context.clock()),
    )


def _definition(context: Context, name: str) -> Definition:
    """Return a device type by the name in an address; raise the problem that tells what names are like it."""
    try:
        return context.catalogue[name]
    except UnknownTypeError:
        listed = f"{PREFIX}/device-types"
        raise unknown("device type", name, context.catalogue.names(), sort=UNKNOWN_TYPE, listed=listed) from None
