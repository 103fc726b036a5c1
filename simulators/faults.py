"""Faults on demand: what goes wrong with devices, radio and networks, by seed.

1. A fault is chance of ``simulators.chance``: the same seed, device and frame (or time) always meet the same fault.
2. ``Faults.parse("loss=0.01,duplicates=0.05")`` reads what a person writes; without any, nothing goes wrong.
3. Everything works on arrays: one entry a frame, ``device`` being a number that stands for the device.
"""

from dataclasses import dataclass, fields

import numpy as np

from model.errors import ConfigError
from model.readings import Bools
from simulators.chance import Floats, Ints, draw, key
from simulators.days import DAY_S

OUTAGE_S = 60.0
"""How long a gateway is silent; its frames come in a burst when it is back."""

_STUCK_S = 6 * 3600.0
_DYING_S = 7.0 * DAY_S
_SILENT_FROM = 0.8  # of the time in which a battery dies
_FALL = 0.35  # of its voltage, or charge, that a dying battery loses
_SYNC_S = 7.0 * DAY_S
_WORDS = {
    "loss": "share of frames that nobody hears",
    "duplicates": "share of frames delivered twice",
    "late": "share of time that a gateway is out; its frames come in a burst afterwards",
    "drift": "seconds a day by which a device's own clock goes wrong, at most",
    "stuck": "share of devices whose values stand still",
    "battery": "share of devices whose battery dies",
    "corrupt": "share of frames with damaged bytes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How much goes wrong; all are shares from 0 to 1, but ``drift`` in seconds a day."""

    seed: int = 1
    loss: float = 0.0
    duplicates: float = 0.0
    late: float = 0.0
    drift: float = 0.0
    stuck: float = 0.0
    battery: float = 0.0
    corrupt: float = 0.0

    @classmethod
    def parse(cls, text: str, *, seed: int = 1) -> "Faults":
        """Return the faults in ``name=number,…``; raise ``ConfigError`` with every problem and the known names."""
        wanted: dict[str, float] = {}
        problems = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, _, number = (piece.strip() for piece in part.partition("="))
            try:
                wanted[name] = float(number)
            except ValueError:
                problems.append(f"faults: '{part}' must look like loss=0.01")
                continue
            most = 3600.0 if name == "drift" else 1.0
            if name not in _WORDS:
                known = "; ".join(f"{word} ({meaning})" for word, meaning in _WORDS.items())
                problems.append(f"faults: '{name}' is not known. There are: {known}")
            elif not 0.0 <= wanted[name] <= most:
                problems.append(f"faults: {name} must be between 0 and {most:g}, not {number}")
        if problems:
            raise ConfigError(problems)
        return cls(seed=seed, **wanted)

    def __bool__(self) -> bool:
        """Tell whether anything goes wrong at all."""
        return any(getattr(self, field.name) for field in fields(self) if field.name != "seed")

    def lost(self, device: Ints, counter: Ints) -> Bools:
        """Tell which frames nobody hears."""
        return self._hit("loss", self.loss, device, counter)

    def repeated(self, device: Ints, counter: Ints) -> Bools:
        """Tell which frames are delivered a second time."""
        return self._hit("duplicates", self.duplicates, device, counter)

    def corrupted(self, device: Ints, counter: Ints) -> Bools:
        """Tell which frames are damaged."""
        return self._hit("corrupt", self.corrupt, device, counter)

    def delay_s(self, way: Ints, at: Floats) -> Floats:
        """Return how long each frame waits at the gateway that hears it; ``way`` is a number that stands for that."""
        if not self.late:
            return np.zeros_like(at)
        every = OUTAGE_S / self.late
        position = at + every * draw(key(self.seed, "late"), way)
        into = position % every
        waiting = into < OUTAGE_S
        order = draw(key(self.seed, "burst"), way, (at * 1000.0).astype(np.int64))
        return np.where(waiting, OUTAGE_S - into + 2.0 * order, 0.0)

    def clock_s(self, device: Ints, at: Floats) -> Floats:
        """Return by how much the devices' own clocks are wrong; once a week they are set right."""
        rate = self.drift * (2.0 * draw(key(self.seed, "drift"), device) - 1.0)
        return rate * ((at + _SYNC_S * draw(key(self.seed, "sync"), device)) % _SYNC_S) / DAY_S

    def seen_at(self, device: Ints, at: Floats) -> Floats:
        """Return the time whose values the devices report: an earlier one while they are stuck, six hours at most."""
        if not self.stuck:
            return at
        start = np.floor(at / _STUCK_S)
        stuck = self._hit("stuck", self.stuck, device, start.astype(np.int64))
        return np.where(stuck, start * _STUCK_S, at)

    def charge(self, device: Ints, at: Floats) -> Floats:
        """Return what is left of the devices' batteries as a share of normal; NaN: so little that they are silent."""
        dying = self._hit("battery", self.battery, device, np.zeros_like(device))
        spent = ((at + _DYING_S * draw(key(self.seed, "dying"), device)) % _DYING_S) / _DYING_S
        left = np.where(spent < _SILENT_FROM, 1.0 - _FALL * spent / _SILENT_FROM, np.nan)
        return np.where(dying, left, 1.0)

    def damage(self, payload: bytes, device: int, counter: int) -> bytes:
        """Return a payload as a bad radio would leave it: cut short, or with some bits turned."""
        if not payload:
            return payload
        one, two = (
            float(draw(key(self.seed, "damage") + salt, np.array([device]), np.array([counter]))[0]) for salt in (0, 1)
        )
        place = int(two * len(payload))
        if one < 0.5:  # noqa: PLR2004 one half of them is cut
            return payload[:place]
        turned = payload[place] ^ (1 + int(one * 254))
        return payload[:place] + bytes((turned,)) + payload[place + 1 :]

    def _hit(self, name: str, share: float, device: Ints, counter: Ints) -> Bools:
        if not share:
            return np.zeros(np.broadcast(device, counter).shape, np.bool_)
        return draw(key(self.seed, name), device, counter) < share
