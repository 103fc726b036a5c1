"""What devices say: values of the world, or of a type's ranges, as payloads; or the examples of its device file.

A voice belongs to one device type. It knows the ways to speak (``simulators.speech``) and asks, for many devices and
times at once, what is true then.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from decoders.device import Definition
from model.errors import ConfigError, EncodeError
from model.readings import Array
from model.uplink import Value
from simulators.chance import Floats, Ints
from simulators.days import START_S
from simulators.faults import Faults
from simulators.places import Site, around_quarters
from simulators.ranges import Ranges
from simulators.speech import LORAWAN_BYTES, NATIVE_BYTES, SIGFOX_BYTES, Speech, as_values, encoded, log, rows, statuses
from simulators.world import Model

_RARELY = 12  # every so many frames, a device that has several kinds of them sends another one
_LOG_STEP_S = {"chirpstack": 900, "thethingsstack": 600, "native": 60}
_MOST_BYTES = {
    "chirpstack": LORAWAN_BYTES,
    "thethingsstack": LORAWAN_BYTES,
    "native": NATIVE_BYTES,
    "sigfox": SIGFOX_BYTES,
}


class Moment:
    """Who speaks and when: one entry a frame. ``key``: the devices' numbers in matters of chance."""

    def __init__(self, who: Ints, key: Ints, at: Floats, faults: Faults) -> None:
        self.who, self.at = who, at
        self._key, self._faults = key, faults
        self.clock = (at + faults.clock_s(key, at)).tolist()

    def seen_at(self, ages_s: Sequence[float]) -> tuple[Ints, Floats]:
        """Return device and time of every record: ``ages_s`` earlier, and longer ago for what is stuck."""
        at = (self.at[:, None] - np.array(ages_s)).ravel()
        count = len(ages_s)
        return np.repeat(self.who, count), self._faults.seen_at(np.repeat(self._key, count), at)

    def worn(self, columns: Mapping[str, Array], ages_s: Sequence[float]) -> Mapping[str, Array]:
        """Return the columns, those of batteries with what is left of them."""
        names = [name for name in columns if name.startswith("battery")]
        if not names or not self._faults.battery:
            return columns
        left = np.repeat(self._faults.charge(self._key, self.at), len(ages_s))
        return {**columns, **{name: columns[name].astype(np.float64) * left for name in names}}


class Voice(Protocol):
    """What the devices of one type can say."""

    @property
    def sites(self) -> Sequence[Site]:
        """Where the devices are."""
        ...

    @property
    def speeches(self) -> Sequence[Speech]:
        """The ways to report now, the usual one first."""
        ...

    @property
    def usual(self) -> Speech | None:
        """The way in which the past is told where there is no log; ``None``: in turn, as now."""
        ...

    def turns(self, who: Ints, number: Ints) -> Ints:
        """Return which of ``speeches`` each frame is: the ``number``-th of the device ``who``."""
        ...

    @property
    def log(self) -> Speech | None:
        """The way to send the memory, if there is one."""
        ...

    def shorter_log(self, records: int) -> Speech | None:
        """Return the log with fewer records than usual, if there is one."""
        ...

    def payloads(self, speech: Speech, moment: Moment) -> list[bytes]:
        """Return what the devices say in this way: a payload for each frame of ``moment``."""
        ...


class _Usual:
    """Devices that have a usual way to speak, and now and then use another."""

    speeches: tuple[Speech, ...]

    @property
    def usual(self) -> Speech | None:
        """The first of the ways to speak."""
        return self.speeches[0] if self.speeches else None

    def turns(self, who: Ints, number: Ints) -> Ints:  # noqa: ARG002 all devices alike
        """Return 0 for the usual way, and for every twelfth frame one of the others, in turn."""
        others = max(len(self.speeches) - 1, 1)
        turn, rest = np.divmod(number, _RARELY)
        which: Ints = np.where((rest == _RARELY - 1) & (len(self.speeches) > 1), 1 + turn % others, 0)
        return which


class Modelled(_Usual):
    """Devices that measure the world. Raises ``ConfigError`` where no frame can be filled from the model."""

    def __init__(self, definition: Definition, model: Model, network: str) -> None:
        self._definition, self._model = definition, model
        self._kinds = {field.name: field.kind for field in definition.type.fields}
        self.sites = model.sites
        first = model.values(np.zeros(1, np.int64), np.full(1, START_S + 1e6)) if self.sites else {}
        sample = {
            name: as_values(column, self._kinds[name])[0] for name, column in first.items() if name in self._kinds
        }
        known = frozenset(sample)
        self.speeches = statuses(definition, known)
        if self.sites and not self.speeches:
            name, fields = definition.type.name, ", ".join(sorted(known))
            raise ConfigError([f"{name}: no frame of one reading asks only for what its model knows: {fields}"])
        step_s, most = _LOG_STEP_S.get(network, 900), _MOST_BYTES[network]
        self._logs = log(definition, known, step_s=step_s, most=most, sample=sample)
        self.log = self._logs(0) if self._logs is not None else None

    def shorter_log(self, records: int) -> Speech | None:
        """Return the log with so many records; ``None`` if its layout fixes another number."""
        speech = self._logs(records) if self._logs is not None else None
        return speech if speech is not None and len(speech.fields) == records else None

    def payloads(self, speech: Speech, moment: Moment) -> list[bytes]:
        """Return the payloads of frames filled from the model."""
        columns = moment.worn(self._model.values(*moment.seen_at(speech.ages_s)), speech.ages_s)
        names = dict.fromkeys(name for fields in speech.fields for name in fields)
        plain = {name: as_values(columns[name], self._kinds[name]) for name in names}
        return [encoded(self._definition, speech, records) for records in rows(speech, plain, moment.clock)]


class Ranged(_Usual):
    """Devices of a type that the world has no model for: ``simulators.ranges``."""

    log: Speech | None = None

    def __init__(self, definition: Definition, count: int, seed: int) -> None:
        self._definition = definition
        self._kinds = {field.name: field.kind for field in definition.type.fields}
        self._ranges = Ranges(definition, count, seed)
        self.sites = self._ranges.sites
        self.speeches = tuple(pattern.speech for pattern in self._ranges.patterns)

    def shorter_log(self, records: int) -> Speech | None:  # noqa: ARG002 there is none
        """Return ``None``: the past of such a device is told by its usual frames."""
        return None

    def payloads(self, speech: Speech, moment: Moment) -> list[bytes]:
        """Return the payloads of frames filled from ranges; values that do not go together are those of the example."""
        pattern = self._ranges.patterns[self.speeches.index(speech)]
        varied = moment.worn(self._ranges.values(pattern, *moment.seen_at(speech.ages_s)), speech.ages_s)
        plain: dict[str, list[Value]] = {name: as_values(column, self._kinds[name]) for name, column in varied.items()}
        tries = zip(
            rows(speech, plain, moment.clock, pattern.values),
            rows(speech, {}, moment.clock, pattern.values),
            strict=True,
        )
        payloads = []
        for records, example in tries:
            try:
                payloads.append(encoded(self._definition, speech, records))
            except EncodeError:
                payloads.append(encoded(self._definition, speech, example))
        return payloads


class Replayed:
    """Devices that can only be read: each sends the examples of its file in turn, starting with another one.

    What an example promises counts: a maker's script runs in the cage of ingest, never here. Examples with a time of
    their own would tell the same moment again and again, so they are left out where there are others.
    """

    log: Speech | None = None
    usual: Speech | None = None

    def __init__(self, definition: Definition, count: int, seed: int) -> None:
        name = definition.type.name
        said = [one for one in definition.examples if any(record.values for record in one.records)]
        said = [one for one in said if all(record.time is None for record in one.records)] or said
        if not said:
            raise ConfigError(
                [f"{name}: it can only be read, so its examples are sent: give the file an [[example]] that decodes"]
            )
        self.sites = around_quarters(seed, count, (definition.type.title.fr,), name)
        self.speeches = tuple(
            Speech(frame=None, f_port=one.f_port, fields=((),), payload=one.payload)
            for one in {(one.f_port, one.payload): one for one in said}.values()
        )

    def turns(self, who: Ints, number: Ints) -> Ints:
        """Return the next example of each device."""
        which: Ints = (who + number) % len(self.speeches)
        return which

    def shorter_log(self, records: int) -> Speech | None:  # noqa: ARG002 there is none
        """Return ``None``: the past of such a device is told by its examples."""
        return None

    def payloads(self, speech: Speech, moment: Moment) -> list[bytes]:
        """Return the example for each frame."""
        return [speech.payload] * len(moment.clock)
