"""``Registry`` and ``DeviceLookup`` in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from model.access import sees
from model.device import Device, DeviceRef, State
from model.errors import BadRequestError, NotFoundError
from model.views import LatestValue
from tests.fakes.memory import Memory, Seen


class Registry:
    """Devices in a dictionary; give it the ``Memory`` of other fakes to share their data."""

    def __init__(self, memory: Memory | None = None, *, devices: Sequence[Device] = ()) -> None:
        self.memory = memory or Memory()
        for device in devices:
            self.memory.add(device)

    async def identify(self, devices: Sequence[str]) -> Mapping[str, DeviceRef]:
        """Return what is known of these ids."""
        memory = self.memory
        found = {name: memory.devices[name] for name in devices if name in memory.devices}
        return {
            name: DeviceRef(key=memory.keys[name], type=device.type, state=device.state, simulated=device.simulated)
            for name, device in found.items()
        }

    async def devices(
        self,
        *,
        device_type: str | None = None,
        state: str | None = None,
        district: str | None = None,
        search: str | None = None,
        simulated: bool | None = None,
        experiments: Collection[str] | None = None,
        limit: int = 1000,
        after: str | None = None,
    ) -> Sequence[Device]:
        """Return devices in order of id."""
        found = [
            self.memory.seen(device)
            for name, device in sorted(self.memory.devices.items())
            if (device_type is None or device.type == device_type)
            and (state is None or device.state == state)
            and (district is None or device.district == district)
            and (simulated is None or device.simulated == simulated)
            and (search is None or search.lower() in f"{name} {device.name}".lower())
            and sees(experiments, device)
            and (after is None or name > after)
        ]
        return found[:limit]

    async def device(self, device_id: str) -> Device:
        """Return one device."""
        if device_id not in self.memory.devices:
            raise NotFoundError(f"no device {device_id!r} is registered")
        return self.memory.seen(self.memory.devices[device_id])

    async def register(self, devices: Sequence[Device]) -> Mapping[str, str]:
        """Insert or update devices."""
        _check(devices)
        done = {}
        for device in devices:
            old = self.memory.devices.get(device.id)
            new = replace(device, first_seen=None, last_seen=None)
            if old is not None:
                heard_on = device.network or old.network
                new = replace(device, first_seen=old.first_seen, last_seen=old.last_seen, network=heard_on)
            if old and old.type != new.type:
                self.memory.forget([device.id])
            done[device.id] = "created" if old is None else "unchanged" if old == new else "updated"
            self.memory.add(new)
        self.memory.devices_changed([name for name, word in done.items() if word != "unchanged"])
        return done

    async def remove(self, device_id: str) -> None:
        """Retire a device."""
        if device_id not in self.memory.devices:
            raise NotFoundError(f"no device {device_id!r} is registered")
        self.memory.add(replace(self.memory.devices[device_id], state=State.RETIRED))

    async def purge_simulated(self) -> Mapping[str, int]:
        """Delete what is simulated."""
        memory = self.memory
        gone = {name for name, device in memory.devices.items() if device.simulated}
        keys = {memory.keys[name] for name in gone}
        touched = {
            name
            for name, key in memory.keys.items()
            if name not in gone and any(frame.simulated and frame.device == key for frame in memory.frames)
        }
        deleted = {}
        for name, rows in memory.rows.items():
            kept = {place: row for place, row in rows.items() if not row.simulated and row.device not in gone}
            deleted[f"readings.{name}"] = len(rows) - len(kept)
            memory.rows[name] = kept
        frames = [frame for frame in memory.frames if not frame.simulated and frame.device not in keys]
        deleted["penfeld.uplink"] = len(memory.frames) - len(frames)
        memory.frames = frames
        facts = [(name, fact, told) for name, state in memory.state.items() for fact, told in state.items()]
        for name, fact, told in facts:
            if told.simulated or name in gone:
                del memory.state[name][fact]
        deleted["penfeld.device_state"] = len(facts) - sum(map(len, memory.state.values()))
        aside = {
            key: frame for key, frame in memory.quarantine.items() if not frame.simulated and frame.device not in gone
        }
        deleted["penfeld.quarantine"] = len(memory.quarantine) - len(aside)
        memory.quarantine = aside
        deleted["penfeld.heard"] = sum(memory.latest.pop(name, None) is not None for name in gone)
        deleted["penfeld.alarm"] = deleted["penfeld.signal"] = 0  # those are in the alert store
        for name in gone:
            del memory.devices[name], memory.keys[name]
        deleted["penfeld.device"] = len(gone)
        for name in touched:
            self._renew(name)
        return deleted

    def _renew(self, name: str) -> None:
        """Find a device's latest values again from what is left."""
        memory = self.memory
        del memory.latest[name]
        heard = [frame.received_at for frame in memory.frames if frame.device == memory.keys[name]]
        if not heard:
            return
        seen = memory.latest[name] = Seen(min(heard), max(heard))
        rows = [row for row in memory.rows.get(memory.devices[name].type or "", {}).values() if row.device == name]
        for row in sorted(rows, key=lambda row: row.time):
            seen.time, seen.received_at, seen.flags = row.time, row.received_at, row.flags
            for field, value in row.values.items():
                seen.values[field] = LatestValue(value=value, time=row.time)


def _check(devices: Sequence[Device]) -> None:
    names = [device.id for device in devices]
    problems = [
        f"device {name!r} stands twice in the list" for name in sorted({n for n in names if names.count(n) > 1})
    ]
    for device in devices:
        if not device.id:
            problems.append("a device has an empty id")
        if not all(text.isprintable() for text in (device.id, device.name)):
            problems.append(f"device {device.id!r} has characters that cannot be stored")
        if device.latitude is not None and not -90 <= device.latitude <= 90:
            problems.append(f"device {device.id!r}: latitude {device.latitude} is not between -90 and 90")
        if device.longitude is not None and not -180 <= device.longitude <= 180:
            problems.append(f"device {device.id!r}: longitude {device.longitude} is not between -180 and 180")
    if problems:
        raise BadRequestError("; ".join(problems))
