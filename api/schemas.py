"""Shapes on the wire. With ``api.alert_schemas`` the only Pydantic.

Small answers are built from these models. Long ones (readings, latest, ledger) are written by msgspec straight from the
values of ``model.views``, whose names they share; the models here describe them, and a test holds the two together.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from model.device import Kind, State
from model.errors import Reason
from model.instants import EPOCH

T = TypeVar("T")

Value = float | int | bool | str | None

Word = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
"""A short text; PostgreSQL knows no NUL in texts, so neither do we."""

Cursor = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]
"""A place in a list, made by us."""

_EXAMPLE_TIME = "2026-03-29T06:00:00Z"


def parse_time(text: object) -> datetime:
    """Return the moment that an ISO 8601 text with zone tells, in UTC; raise ``ValueError`` with a hint."""
    if isinstance(text, datetime):
        return text
    # a + that was not escaped in an address arrives as a blank
    written = str(text).strip().replace(" ", "+") if "T" in str(text) else str(text).strip()
    try:
        time = datetime.fromisoformat(written)
    except ValueError:
        raise ValueError(f"is no ISO 8601 time with zone; write it like {_EXAMPLE_TIME}") from None
    if time.tzinfo is None:
        raise ValueError(
            f"has no zone, so it could be Brest's time or UTC; write {_EXAMPLE_TIME} or 2026-03-29T08:00:00+02:00"
        )
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the years 1 to 9999") from None


Time = Annotated[
    datetime,
    BeforeValidator(parse_time),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": [_EXAMPLE_TIME]}),
]
"""A time in a request: with a zone, always."""


def parse_grafana_time(text: object) -> datetime:
    """Return the moment that Grafana tells: milliseconds since 1970, or ISO 8601 with zone."""
    if isinstance(text, str) and text.strip().isdecimal():
        try:
            return EPOCH + timedelta(milliseconds=int(text))
        except (OverflowError, ValueError):  # behind the year 9999, or longer than Python reads numbers
            raise ValueError("lies behind the year 9999; write milliseconds since 1970") from None
    return parse_time(text)


GrafanaTime = Annotated[
    datetime,
    BeforeValidator(parse_grafana_time),
    WithJsonSchema({"type": "string", "examples": ["1774764000000", _EXAMPLE_TIME]}),
]
"""A time in a request of Grafana."""


class Shape(BaseModel):
    """What all shapes share: built from our values by attribute."""

    model_config = ConfigDict(from_attributes=True, ser_json_inf_nan="null")


class Page(Shape, Generic[T]):
    """One page of a list."""

    items: list[T]
    limit: int = Field(description="How many items a page holds at most")
    next_cursor: str | None = Field(
        default=None, description="Give it as `cursor` to go on; null at the end. The `Link` header has the address."
    )


class ProblemOut(BaseModel):
    """What went wrong and what to do next (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:penfeld:problem:unknown-device"])
    title: str = Field(examples=["No such device"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["there is no device '70b3d50000000001'"])
    instance: str = Field(examples=["/api/v1/devices/70b3d50000000001"])
    near: list[str] | None = Field(default=None, description="Names that are like the one given")
    errors: list[dict[str, str]] | None = Field(default=None, description="Each wrong part of the request")
    offset: int | None = Field(default=None, description="Byte of the payload at which decoding stopped")
    reference: str | None = Field(default=None, description="What to tell the operator about an unexpected error")


class TextOut(Shape):
    """A text for people in both languages."""

    en: str
    fr: str


class FieldOut(Shape):
    """One observed property of a device type."""

    name: str = Field(examples=["power_w"])
    kind: Kind
    quantity: str = Field(examples=["power"])
    unit: str = Field(description="UCUM code; empty for counts, states and texts", examples=["W"])
    title: TextOut
    minimum: float | None = Field(
        description="Lower end of the plausible range, in the unit; beyond it values are flagged"
    )
    maximum: float | None = Field(description="Upper end of the plausible range")
    choices: list[str] = Field(description="What an enumeration can say; empty for others")


class DeviceTypeOut(Shape):
    """A sensor model."""

    name: str = Field(examples=["penfeld_streetlight"])
    title: TextOut
    vendor: str
    model: str
    domain: str = Field(examples=["lighting"])
    networks: list[str] = Field(examples=[["lorawan"]])
    period_s: float = Field(description="How often a device is expected to speak, in seconds")
    source: str = Field(description="The document that says what the device sends")
    version: str = Field(description="Changes whenever what a frame decodes to may change")
    reference: bool = Field(description="A device of our own, made up as an example")
    fields: list[FieldOut]


class FrameOut(Shape):
    """One kind of payload that a device sends."""

    name: str
    f_ports: list[int] = Field(description="LoRaWAN ports; empty for any")
    fields: list[str] = Field(description="What encoding takes")
    derived: list[str] = Field(description="What decoding calculates from these")
    own_time: bool = Field(description="The payload carries the time of its reading")


class ExampleRecordOut(Shape):
    """One reading of an example."""

    values: dict[str, Value]
    time: AwareDatetime | None = None
    age_s: float = Field(default=0, description="How much older the reading is than its frame")


class ExampleOut(Shape):
    """A payload and what becomes of it: either records, or a part of the error."""

    name: str
    f_port: int | None
    payload: str = Field(description="Hex", examples=["02ff9c00"])
    records: list[ExampleRecordOut]
    warnings: list[str]
    error: str | None


class PlaceOut(Shape):
    """Where a field's value stands in what a codec says."""

    field: str = Field(examples=["temperature_c"])
    path: str = Field(examples=["data.temperature"])
    unit: str = Field(description="UCUM code of what the codec says; it becomes the field's unit", examples=["Cel"])


class CodecOut(Shape):
    """What reads payloads that have no layout: a maker's script, or a known format."""

    script: str | None = Field(description="Name of the file beside the device file", examples=["vendor_model.js"])
    format: str | None = Field(description="Name of the format", examples=["cayenne"])
    variables: dict[str, str] = Field(description="What scripts are given")
    times: list[str] = Field(description="Paths where a reading's own time stands")
    places: list[PlaceOut]
    suspended: str | None = Field(
        description="Why ingest asks the script no more until its file changes: it overstepped its limits again and"
        " again; its frames wait in quarantine. null: it does ask it"
    )


class DeviceTypeDetail(DeviceTypeOut):
    """A sensor model with what it sends."""

    frames: list[FrameOut]
    examples: list[ExampleOut]
    codec: CodecOut | None = Field(description="null: a layout reads its payloads, or its values come by name")


class ProposalOut(Shape):
    """The field that a path most likely is: it can be posted as it stands, with the path."""

    name: str = Field(examples=["temperature_c"])
    kind: Kind
    quantity: str = Field(examples=["temperature"])
    unit: str | None = Field(description="UCUM code of what the codec says; null: that of the quantity")
    title: TextOut | None = Field(description="null: that of the quantity")
    sure: bool = Field(description="false: the values decided what the name does not say; look it over")


class UnmappedOut(Shape):
    """What devices say at a path that no field takes. It is kept with each raw frame."""

    path: str = Field(examples=["data.humidity"])
    value: Value = Field(description="The newest", examples=[55.5])
    time: AwareDatetime = Field(description="When it was so, UTC")
    devices: int = Field(description="How many devices say it, of those looked at")
    proposal: ProposalOut | None = Field(description="null: it is not clear what it measures")


class FieldIn(BaseModel):
    """A field for a path of what a codec says."""

    model_config = ConfigDict(extra="forbid")

    path: Word = Field(examples=["data.humidity"])
    name: Word = Field(
        description="Its name in the data; ends in the unit of its quantity", examples=["humidity_percent"]
    )
    kind: Kind
    quantity: Word = Field(description="One of the closed list", examples=["humidity"])
    unit: Word | None = Field(
        default=None, description="What the codec says it in, where it is not the unit of the quantity", examples=["%"]
    )
    title: TextOut | None = Field(default=None, description="Else that of the quantity")


class FieldAddedOut(Shape):
    """A field that stands in a device file now."""

    device_type: str
    version: str = Field(
        description="Of the device type with the field: readings that have it tell this one, or a later"
    )
    field: FieldOut


Port = Annotated[int, Field(ge=0, le=255, description="LoRaWAN port; none: any frame may fit", examples=[1])]


class DecodeIn(BaseModel):
    """A payload to decode."""

    model_config = ConfigDict(extra="forbid")

    payload: str = Field(
        max_length=20_000,
        description="Hex, in which blanks, colons, dashes, commas and 0x do not matter; or base64, see `encoding`",
        examples=["02 ff9c 00"],
    )
    encoding: Literal["hex", "base64"] = "hex"
    f_port: Port | None = None


class DecodedField(Shape):
    """One field of a reading."""

    name: str = Field(examples=["temperature_c"])
    title: str = Field(description="In the language of the request", examples=["Soil temperature"])
    value: Value = Field(description="null: the device says that it does not know", examples=[-1.0])
    unit: str = Field(description="UCUM code", examples=["Cel"])
    quantity: str = Field(examples=["temperature"])
    flags: list[str] = Field(description="What is doubtful, such as `temperature_c:range`", examples=[[]])


class DecodedRecord(Shape):
    """One reading of a payload; a data logger's payload has several."""

    time: AwareDatetime | None = Field(description="The payload's own time; null: that of the frame counts")
    age_s: float = Field(description="How much older the reading is than its frame, in seconds")
    fields: list[DecodedField]


class DecodedOut(Shape):
    """What a payload says."""

    device_type: str
    frame: str = Field(description="Name of the frame that fitted; empty for a codec")
    size: int = Field(description="Length of the payload in bytes")
    records: list[DecodedRecord] = Field(description="In the order of the payload")
    rest: dict[str, Value] = Field(description="What the codec says that no field takes, by path; {} of a layout")
    warnings: list[str]
    log: list[str] = Field(description="What a script wrote to its console")


class EncodeIn(BaseModel):
    """Values to encode: of one reading (`values`) or of several (`records`, in the order of the payload)."""

    model_config = ConfigDict(extra="forbid")

    values: dict[str, Value] | None = Field(default=None, examples=[{"temperature_c": -1.0, "moisture_percent": 0.0}])
    records: list[dict[str, Value]] | None = Field(default=None, max_length=1000)
    frame: Word | None = Field(default=None, description="Name of the frame; none: the first that takes these fields")
    f_port: Port | None = None


class EncodedOut(Shape):
    """A payload."""

    device_type: str
    payload: str = Field(description="Hex", examples=["02ff9c00"])
    base64: str
    size: int
    f_port: int | None


class ReadingOut(Shape):
    """One reading as stored."""

    device: str = Field(examples=["70b3d50000000001"])
    time: AwareDatetime = Field(description="When it was so, UTC")
    received_at: AwareDatetime = Field(description="When the frame arrived, UTC")
    values: dict[str, Value] = Field(
        description="The fields asked for; null where the frame did not say. Units: see the schema of the device type",
        examples=[{"power_w": 41.5, "voltage_v": 231.0}],
    )
    flags: list[str] = Field(description="What is doubtful, such as `voltage_v:range`", examples=[[]])
    simulated: bool
    version: str = Field(description="Version of the device type that decoded it")


class ReadingsOut(Page[ReadingOut]):
    """A page of readings of one device type, in order of time, then device."""

    device_type: str
    units: dict[str, str] = Field(description="Field → UCUM code", examples=[{"power_w": "W", "voltage_v": "V"}])


class BucketOut(Shape):
    """What one device said in one bucket of time, summed up."""

    device: str = Field(examples=["70b3d50000000001"])
    time: AwareDatetime = Field(description="The bucket's beginning, UTC")
    values: dict[str, float | int | None] = Field(description="The fields asked for; null where it said nothing")


class BucketsOut(Page[BucketOut]):
    """A page of readings summed up by bucket, in order of time, then device.

    `resolution` is the one asked for, or the next coarser that is kept so long; `start` and `end` are those of whole
    buckets, a day being one of the city's time zone.
    """

    device_type: str
    resolution: Literal["1min", "15min", "1h", "1d"]
    aggregation: str = Field(examples=["mean"])
    start: AwareDatetime
    end: AwareDatetime
    units: dict[str, str] = Field(description="Field → UCUM code; empty for counts", examples=[{"power_w": "W"}])


class DeviceOut(Shape):
    """A device as the register knows it."""

    id: str = Field(
        description="Canonical: a DevEUI as 16 lower-case hex digits, a Sigfox id as 8, else the name in its topic"
    )
    type: str | None
    state: State
    name: str
    network: str | None
    latitude: float | None = Field(description="WGS 84, degrees")
    longitude: float | None = Field(description="WGS 84, degrees")
    district: str | None
    experiment: str | None
    simulated: bool
    tags: dict[str, str]
    variables: dict[str, str] = Field(description="Constants of this one device, such as a transformer ratio")
    first_seen: AwareDatetime | None
    last_seen: AwareDatetime | None


class PointOut(Shape):
    """Where a device is: longitude, then latitude, WGS 84."""

    type: Literal["Point"]
    coordinates: list[float] = Field(min_length=2, max_length=2, examples=[[-4.4861, 48.3904]])


class FeatureOut(Shape):
    """One device on the map."""

    type: Literal["Feature"]
    id: str = Field(examples=["70b3d50000000001"])
    geometry: PointOut
    properties: dict[str, Value | dict[str, str]] = Field(
        description="What the register says: type, name, state, district, experiment, network, tags, last_seen …"
    )


class FeaturesOut(Shape):
    """Devices as GeoJSON (RFC 7946), in order of id."""

    type: Literal["FeatureCollection"]
    features: list[FeatureOut]
    without_position: int = Field(description="Devices that fit, but of which nobody said where they are")


class GapOut(Shape):
    """A span in which a device was silent for longer than its period lets expect."""

    start: AwareDatetime
    end: AwareDatetime
    missing: int = Field(description="Readings that did not come")


class CoverageOut(Shape):
    """How much of what was expected a device has brought."""

    device: str
    name: str
    district: str | None
    expected: int
    received: int
    completeness: float = Field(description="Percent")
    gaps: list[GapOut]


class CompletenessOut(Shape):
    """Devices by completeness, the worst first; those behind `limit` are only in the sum.

    `completeness` is that of all `devices` together, percent. Gaps shorter than a bucket of `resolution` show in it
    only. `end` is never later than now.
    """

    device_type: str
    resolution: Literal["raw", "1min", "15min", "1h", "1d"]
    start: AwareDatetime
    end: AwareDatetime
    widened: bool = Field(description="Whether the range was widened to whole buckets")
    devices: int
    completeness: float
    worst: list[CoverageOut]


class FactOut(Shape):
    """The newest of one fact that the device's network told beside frames."""

    title: str = Field(description="In the language of the request", examples=["Demodulation margin"])
    value: Value = Field(examples=[7.0])
    unit: str = Field(description="UCUM code; empty for counts, states and texts", examples=["dB"])
    time: AwareDatetime = Field(description="When it was so, as the network told it; else when that arrived")
    network: str = Field(examples=["chirpstack"])
    event: str = Field(description="join, status, location, radio, downlink or notice", examples=["status"])
    simulated: bool


class DeviceDetail(DeviceOut):
    """A device as the register knows it, with what its network told of it."""

    network_state: dict[str, FactOut] = Field(
        description="Fact by fact, such as battery_percent, margin_db, latitude or gateway; those never told are absent"
    )


class DeviceIn(BaseModel):
    """A device to register or change. What is left out is empty afterwards."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(description="In any spelling: `70-B3-D5-00-00-00-00-01` will do", examples=["70b3d50000000001"])
    type: str = Field(description="Name of a device type", examples=["penfeld_streetlight"])
    name: str = Field(default="", max_length=500)
    network: str | None = Field(
        default=None, description="lorawan, chirpstack, thethingsstack, sigfox or native; else that of the device type"
    )
    latitude: float | None = Field(default=None, ge=-90, le=90, description="WGS 84, degrees", examples=[48.3904])
    longitude: float | None = Field(default=None, ge=-180, le=180, description="WGS 84, degrees", examples=[-4.4861])
    district: str | None = None
    experiment: str | None = None
    state: Literal["active", "retired"] = "active"
    simulated: bool = False
    tags: dict[str, str] = Field(default_factory=dict)
    variables: dict[str, str] = Field(default_factory=dict)


Result = Literal["created", "updated", "unchanged", "error"]


class RegisteredRow(Shape):
    """What became of one row."""

    row: int = Field(description="Counted from 1; a CSV's header does not count")
    id: str
    result: Result
    problem: str | None = Field(description="What to change in this row")


class RegisteredOut(Shape):
    """What became of a list of devices."""

    counts: dict[Result, int] = Field(examples=[{"created": 2, "error": 1}])
    waiting_frames: int = Field(description="Frames of these devices in quarantine, which ingest now takes in")
    rows: list[RegisteredRow]


class LatestValueOut(Shape):
    """The newest value of a field."""

    value: Value
    time: AwareDatetime = Field(description="When it was so, UTC")


class LatestOut(Shape):
    """A device with the newest value of each of its fields, each with its own time."""

    device: DeviceOut
    time: AwareDatetime
    received_at: AwareDatetime
    values: dict[str, LatestValueOut]
    flags: list[str]


class Totals(Shape):
    """Sums over the whole range asked for, not only over this page."""

    received: int
    stored: int
    duplicate: int
    quarantined: int = Field(description="What came into quarantine less what left it: may be negative")
    replayed: int = Field(description="Frames that left quarantine; `stored` and `duplicate` have them too")
    balanced: bool = Field(description="received = stored + duplicate + quarantined")


class LedgerRowOut(Totals):
    """What became of the frames that one source brought in one hour."""

    hour: AwareDatetime = Field(description="Start of the hour of arrival, UTC")
    source: str


class LedgerOut(Page[LedgerRowOut]):
    """A page of the ledger, newest hour first."""

    totals: Totals


class QuarantinedOut(Shape):
    """A frame that could not be understood."""

    id: int
    source: str
    reason: Reason
    detail: str = Field(description="What was wrong with it, in words")
    remedy: str = Field(description="What to do next, in the language of the request")
    topic: str
    size: int = Field(description="Length of the message in bytes")
    device: str | None
    device_type: str | None
    received_at: AwareDatetime
    last_received_at: AwareDatetime
    times: int = Field(description="How often exactly this arrived")
    simulated: bool
    replay_requested_at: AwareDatetime | None = Field(description="Since when it waits for replay; null: it does not")


class InterpretedRowOut(Shape):
    """A reading that a frame would give."""

    time: AwareDatetime
    values: dict[str, Value]
    flags: list[str]


class InterpretationOut(Shape):
    """What an uplink of a message would become today."""

    device: str | None
    device_type: str | None
    reason: Reason | None = Field(description="Why it would stay in quarantine; null: it would be stored")
    detail: str
    rows: list[InterpretedRowOut]


class QuarantinedMessageOut(QuarantinedOut):
    """The same with its original bytes, in three forms, and what it would become today."""

    base64: str
    hex: str
    text: str | None = Field(description="The message as UTF-8, null where it is none")
    today: list[InterpretationOut]


class ReplayIn(Shape):
    """Which frames of quarantine to take up again; what is not said does not matter."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    reason: Reason | None = Field(default=None, description="Frames that are there for this reason")
    device: Word | None = Field(default=None, description="Frames of this device, in any spelling")
    source: Word | None = Field(default=None, description="Frames that came in by this source")
    start: Time | None = Field(default=None, alias="from", description="Frames that arrived from this time on")
    end: Time | None = Field(default=None, alias="to", description="Frames that arrived before this time")


class ReplayOut(Shape):
    """How much waits for replay now, of what was asked for."""

    messages: int
    frames: int = Field(description="A message counts as often as it arrived")


class SuspensionOut(Shape):
    """A maker's codec that overstepped its limits again and again: it is asked no more until its file changes."""

    codec: str
    reason: str


class WorkerOut(Shape):
    """What an ingest worker last said of itself; counts since it started, in frames."""

    worker: str
    time: AwareDatetime
    received: int
    stored: int
    duplicate: int
    quarantined: int
    unacknowledged: int
    oldest_unacknowledged_s: float
    batches: int
    latency_p50_ms: float | None
    latency_p99_ms: float | None
    connected: bool
    trouble: str
    suspended: list[SuspensionOut] = Field(description="Makers' codecs that are asked no more, and why")


class Alive(Shape):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Check(Shape):
    """One thing that the service needs."""

    ok: bool
    word: str = Field(
        description="What it is, or what is wrong with it", examples=["PostgreSQL 16.4, TimescaleDB 2.17"]
    )


class Ready(Shape):
    """Whether everything that the service needs answers."""

    ready: bool
    database: Check
    broker: Check
    catalogue: Check
