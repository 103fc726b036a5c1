"""What codecs said that no field of the device file took: read from the newest raw frames (``penfeld.uplink.rest``).

Rules:

1. The cost is bounded, whatever is stored: a few frames each of so many devices, found by the index, within days that
   the planner knows; other chunks and months are not even planned for.
2. Devices are those that spoke last. One whose clock is far off, or that is silent since long, would cost many chunks
   and tells nothing that the others do not.
"""

from collections.abc import Sequence
from datetime import timedelta

from model.device import DeviceType
from model.views import UnmappedPath
from storage.connection import Database, rows
from storage.statements import statement

DEVICES = 200
"""Of so many devices frames are looked at."""
EACH, ALONE = 5, 50
"""So many frames of each of them, of one that is asked for alone."""
_LEAST = timedelta(days=7)
_PERIODS = 5


async def read(database: Database, device_type: DeviceType, device: str | None) -> Sequence[UnmappedPath]:
    """Return paths with values of the newest frames of a type's devices, or of one, in order of path."""
    if device is not None and not device.isprintable():
        return ()
    reach = max(_LEAST, _PERIODS * device_type.period)
    asked = {"type": device_type.name, "device": device, "reach": reach, "devices": DEVICES}
    async with database.transaction() as connection:
        await connection.execute(statement("history_plan"))
        found = await rows(connection, statement("unmapped_devices"), asked)
        if not found:
            return ()
        times = [time for _, time in found]
        frames = {
            "keys": [key for key, _ in found],
            "times": times,
            "start": min(times) - reach,
            "end": max(times),
            "frames": EACH if device is None else ALONE,
        }
        paths = await rows(connection, statement("unmapped_paths"), {**asked, **frames})
    return [
        UnmappedPath(path=path, values=tuple(values), time=time, devices=devices)
        for path, values, time, devices in paths
    ]
