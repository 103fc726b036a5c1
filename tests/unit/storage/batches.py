"""Batches for storage tests: a device type with a field of each kind, and a builder."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from model.batch import Batch, Frame, SetAside
from model.device import Device, DeviceRef, DeviceType, Field, Kind, Text
from model.errors import Reason
from model.instants import microseconds
from model.readings import Array, Column, Readings
from model.told import Event, Told
from model.uplink import Rest, Uplink, Value

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Values = Mapping[str, Value]


def field(name: str, kind: Kind, unit: str = "") -> Field:
    return Field(name=name, kind=kind, quantity="state", unit=unit, title=Text(en=f"The {name}", fr=f"Le {name}"))


def device_type(name: str, *fields: Field) -> DeviceType:
    return DeviceType(
        name=name,
        title=Text(en="Probe", fr="Sonde"),
        vendor="Penfeld",
        model="Probe",
        domain="environment",
        networks=("lorawan",),
        period=timedelta(minutes=15),
        source="made up",
        fields=fields,
        version="v1",
    )


PROBE = device_type(
    "probe",
    field("power_w", Kind.FLOAT, "W"),
    field("steps", Kind.INT),
    field("lamp_on", Kind.BOOL),
    field("role", Kind.TEXT),
)
METER = device_type("meter", field("power_w", Kind.FLOAT, "W"))
TYPES = (PROBE, METER)
_DTYPES = {Kind.FLOAT: np.float64, Kind.INT: np.int64, Kind.BOOL: np.bool_, Kind.TEXT: np.object_}


def device(name: str, *, type_: str | None = "probe", simulated: bool = False) -> Device:
    return Device(id=name, type=type_, simulated=simulated, name=f"Device {name}", network="lorawan")


class Builder:
    """Collects frames with their rows, as the pipeline would hand them over."""

    def __init__(self, refs: Mapping[str, DeviceRef]) -> None:
        self._refs = refs
        self._frames: list[Frame] = []
        self._rows: list[tuple[int, datetime, Values, tuple[str, ...]]] = []
        self._asides: list[SetAside] = []
        self._told: list[Told] = []

    def frame(
        self,
        device: str,
        time: datetime,
        values: Values | Sequence[tuple[datetime, Values]],
        *,
        flags: tuple[str, ...] = (),
        f_cnt: int | None = None,
        payload: bytes = b"",
        received_at: datetime | None = None,
        source: str = "chirpstack",
        simulated: bool = False,
        gateway: str | None = "gateway-1",
        rssi_dbm: float | None = -101.5,
        session: str = "",
        rest: Rest | None = None,
    ) -> "Builder":
        """Add a frame with one row, or with several rows of (time, values)."""
        ref = self._refs[device]
        uplink = Uplink(
            network="chirpstack",
            device=device,
            time=time,
            payload=payload,
            f_port=1,
            f_cnt=f_cnt,
            session=session,
            rssi_dbm=rssi_dbm,
            gateway=gateway,
        )
        arrived = received_at or time + SECOND
        rows = [(time, values)] if isinstance(values, Mapping) else values
        self._rows += [(len(self._frames), when, row, flags) for when, row in rows]
        self._frames.append(
            Frame(
                uplink=uplink,
                key=uplink.frame_key(arrived),
                source=source,
                device=ref.key,
                device_type=ref.type or "",
                time_us=microseconds(time),
                received_us=microseconds(arrived),
                network_us=microseconds(time),
                simulated=simulated or ref.simulated,
                decoded_with="v1",
                rest=rest,
            )
        )
        return self

    def aside(
        self,
        message: bytes,
        *,
        reason: Reason = Reason.BAD_PAYLOAD,
        topic: str = "application/1/device/x/event/up",
        device: str | None = None,
        received_at: datetime = NOON,
        detail: str = "byte 3: too short",
        simulated: bool = False,
    ) -> "Builder":
        """Add a message for quarantine."""
        self._asides.append(
            SetAside(
                source="chirpstack",
                reason=reason,
                detail=detail,
                topic=topic,
                message=message,
                received_at=received_at,
                network="chirpstack",
                device=device,
                device_type=None,
                simulated=simulated,
            )
        )
        return self

    def told(
        self,
        device: str,
        time: datetime | None,
        facts: Values,
        *,
        f_cnt: int | None = None,
        network: str = "chirpstack",
        event: Event = Event.STATUS,
        simulated: bool = False,
    ) -> "Builder":
        """Add what a network told of a device."""
        self._told.append(
            Told(network=network, device=device, event=event, facts=facts, time=time, f_cnt=f_cnt, simulated=simulated)
        )
        return self

    def build(self, types: Sequence[DeviceType] = TYPES) -> Batch:
        """Return the batch: one ``Readings`` a type, every field a column."""
        readings = []
        for type_ in types:
            rows = [row for row in self._rows if self._frames[row[0]].device_type == type_.name]
            if rows:
                readings.append(_readings(type_, rows))
        return Batch(frames=self._frames, readings=readings, set_aside=self._asides, told=self._told)


def _readings(type_: DeviceType, rows: Sequence[tuple[int, datetime, Values, tuple[str, ...]]]) -> Readings:
    columns = {}
    for each in type_.fields:
        valid = np.array([row[2].get(each.name) is not None for row in rows], dtype=np.bool_)
        filler: Value = "" if each.kind is Kind.TEXT else 0
        values: Array = np.array(
            [row[2][each.name] if is_valid else filler for row, is_valid in zip(rows, valid, strict=True)],
            dtype=_DTYPES[each.kind],
        )
        columns[each.name] = Column(values, valid)
    return Readings(
        device_type=type_.name,
        version="v1",
        frame=np.array([row[0] for row in rows], dtype=np.int64),
        time_us=np.array([(row[1] - EPOCH) // timedelta(microseconds=1) for row in rows], dtype=np.int64),
        columns=columns,
        flags={position: row[3] for position, row in enumerate(rows) if row[3]},
    )
