"""Which devices a request for data is about: decided here and nowhere else, by the register, before anything is read.

Rules:

1. A choice is of one device type. It names devices, or says how to find them: district, experiment, tag; all that is
   said must hold. ``None`` for devices means all of the type.
2. What a filter finds nobody for is a mistake to tell of, not an empty answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

from api.context import PREFIX, Context, ContextDep
from api.errors import INVALID, NOT_FOUND, Problem
from api.parameters import DevicesQuery, DeviceTypeQuery, known_devices, known_type
from api.schemas import Word
from model.device import Device, DeviceType
from model.errors import BadRequestError

MOST = 100_000
"""Devices that a filter can find."""

DistrictQuery = Annotated[Word | None, Query(description="Only devices of exactly this district.")]
ExperimentQuery = Annotated[Word | None, Query(description="Only devices of exactly this experiment.")]
TagsQuery = Annotated[
    list[Word],
    Query(
        max_length=10,
        description="Only devices with this tag: `street`, or `street:rue de Siam` for its value; all, if repeated.",
    ),
]


@dataclass(frozen=True, slots=True)
class Choice:
    """Devices of one type. ``devices``: their ids, ``None`` for all of the type."""

    device_type: DeviceType
    devices: tuple[str, ...] | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The ids as ports take them that mean all by none; a choice is never of nobody."""
        return self.devices or ()


async def _chosen(
    context: ContextDep,
    device_type: DeviceTypeQuery = None,
    device: DevicesQuery = [],  # noqa: B006  FastAPI copies it
    district: DistrictQuery = None,
    experiment: ExperimentQuery = None,
    tag: TagsQuery = [],  # noqa: B006
) -> Choice:
    named = known_type(context, device_type) if device_type is not None else None
    devices = await known_devices(context, device)
    wanted = _Wanted(district, experiment, tag)
    if not devices and wanted.anything:
        devices = await _found(context, named, wanted)
    elif wanted.anything:
        devices = [one for one in devices if wanted.fits(one)]
    if wanted.anything and not devices:
        raise Problem(NOT_FOUND, f"no device fits {wanted}; {PREFIX}/devices lists those that there are")
    of = _type_of(context, named, devices)
    return Choice(of, tuple(one.id for one in devices) if devices else None)


ChoiceDep = Annotated[Choice, Depends(_chosen)]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What devices must be like."""

    district: str | None
    experiment: str | None
    tags: Sequence[str]

    @property
    def anything(self) -> bool:
        """Whether anything was asked."""
        return self.district is not None or self.experiment is not None or bool(self.tags)

    def fits(self, device: Device) -> bool:
        """Whether a device is like that."""
        if self.district is not None and device.district != self.district:
            return False
        if self.experiment is not None and device.experiment != self.experiment:
            return False
        return all(_has(device, tag) for tag in self.tags)

    def __str__(self) -> str:
        return " and ".join(self._words())

    def _words(self) -> Iterator[str]:
        if self.district is not None:
            yield f"district {self.district!r}"
        if self.experiment is not None:
            yield f"experiment {self.experiment!r}"
        yield from (f"tag {tag!r}" for tag in self.tags)


def _has(device: Device, tag: str) -> bool:
    name, colon, value = tag.partition(":")
    return name in device.tags and (not colon or device.tags[name] == value)


async def located(
    context: Context,
    *,
    device_type: str | None,
    state: str | None,
    simulated: bool | None,
    district: str | None,
    experiment: str | None,
    tags: Sequence[str],
) -> list[Device]:
    """Return devices for a map, in order of id: those that the asker may see, of which all that is said holds."""
    found = await context.registry.devices(
        device_type=device_type, state=state, district=district, simulated=simulated, limit=MOST + 1
    )
    if len(found) > MOST:
        raise Problem(INVALID, f"more than {MOST:,} devices fit; name a device_type or a district")
    wanted = _Wanted(district, experiment, tags)
    return [device for device in found if wanted.fits(device)]


async def _found(context: Context, named: DeviceType | None, wanted: _Wanted) -> list[Device]:
    """Return the devices that are like that, of the type if one is named."""
    found = await context.registry.devices(
        device_type=named.name if named else None, district=wanted.district, limit=MOST + 1
    )
    if len(found) > MOST:
        raise Problem(
            INVALID, f"more than {MOST:,} devices would have to be looked at; name a device_type or a district"
        )
    return [device for device in found if device.type is not None and wanted.fits(device)]


def _type_of(context: Context, named: DeviceType | None, devices: Sequence[Device]) -> DeviceType:
    """Return the one type that is asked for; raise a problem where it is none, or several."""
    types = {device.type for device in devices if device.type is not None}
    if named is not None:
        types.add(named.name)
    if len(types) > 1:
        told = ", ".join(sorted(types))
        raise Problem(
            INVALID,
            f"one request gives readings of one device type; this one names {told}: ask once for each",
            near=sorted(types),
        )
    if not types:
        raise BadRequestError("name a device_type, or one device or more whose type is known")
    return named or known_type(context, types.pop())
