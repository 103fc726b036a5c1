"""What the tests of ingest share: two device types, devices, and messages as networks send them.

The probe says temperature and a count on port 1, a log of temperatures on port 2, temperature with its own time on port
3. Devices are named by their network; keys are numbers that a test can read.
"""

import json
from base64 import b64encode
from datetime import UTC, datetime

from decoders.catalogue import Catalogue
from model.device import DeviceRef, State
from model.uplink import Message

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
LORA, OTHER_LORA, SIGFOX, BOARD = "70b3d50000000001", "70b3d50000000002", "00b5f3c1", "board-7"

PROBE = """
title = { en = "Probe", fr = "Sonde" }
vendor = "Example"
model = "Probe"
domain = "environment"
networks = ["lorawan", "sigfox", "native"]
period = "15 min"
source = "made up for tests"

[[frame]]
name = "measurement"
f_port = 1
layout = '''
temperature_c  i16 / 100  null 0x7fff
door_count     u8
'''

[[frame]]
name = "log"
f_port = 2
layout = '''
repeat newest first every 10 min:
    temperature_c  i16 / 100  null 0x7fff
'''

[[frame]]
name = "timed"
f_port = 3
layout = '''
time           unix32
temperature_c  i16 / 100
lit_on         flag
state_text     u7 {0 = idle, 1 = busy}
'''

[field.temperature_c]
title = { en = "Temperature", fr = "Température" }
quantity = "temperature"
range = [-40, 85]

[field.door_count]
title = { en = "Doors", fr = "Portes" }
quantity = "count"
range = [0, 1000]

[field.lit_on]
title = { en = "Lit", fr = "Allumé" }
quantity = "state"

[field.state_text]
title = { en = "State", fr = "État" }
quantity = "state"

[[example]]
name = "spring"
f_port = 1
payload = "09c4 05"
values = { temperature_c = 25.0, door_count = 5 }

[[example]]
name = "cut short"
f_port = 1
payload = "09"
error = "temperature_c"
"""


_CATALOGUE = Catalogue({"probe": PROBE, "sonde": PROBE})


def catalogue() -> Catalogue:
    """Return the probe, and a second type that decodes alike."""
    return _CATALOGUE


def ref(key: int, device_type: str | None = "probe", state: State = State.ACTIVE, **more: bool) -> DeviceRef:
    """Return a device as the registry knows it."""
    return DeviceRef(key=key, type=device_type, state=state, simulated=more.get("simulated", False))


def lora(
    payload: str, *, f_port: int = 1, f_cnt: int = 7, device: str = LORA, time: datetime | None = NOON, **more: object
) -> Message:
    """Return a ChirpStack message; ``payload`` in hex."""
    event = {
        "deviceInfo": {"devEui": device, "tags": more.get("tags")},
        "devAddr": "260b1f3a",
        "fCnt": f_cnt,
        "fPort": f_port,
        "data": b64encode(bytes.fromhex(payload)).decode(),
        "time": time.isoformat() if time else None,
    }
    return message(f"application/1/device/{device}/event/up", json.dumps(event).encode())


def native(payload: bytes | dict[str, object], *, device: str = BOARD, device_type: str = "probe") -> Message:
    """Return a message of a device that speaks MQTT itself."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return message(f"penfeld/v1/{device_type}/{device}/up", body)


def message(topic: str, payload: bytes, *, received_at: datetime = NOON) -> Message:
    """Return any message."""
    return Message(topic=topic, payload=payload, received_at=received_at)
