"""What makers' scripts say of uplinks: asked of the cage, before anything else is made of them."""

from collections.abc import Sequence

from decoders.device import Definition
from decoders.output import Output, output_of
from model.errors import CodecSuspendedError, DecodeError, UnavailableError
from model.ports import Codecs
from model.readings import Ints
from model.script import Call
from model.uplink import Uplink

Said = Sequence[Output | DecodeError | None]
"""By uplink: what the codec said, or why it said nothing; ``None`` where it was not asked."""


async def outputs(codecs: Codecs | None, definition: Definition, uplinks: Sequence[Uplink], arrived: Ints) -> Said:
    """Return what the script of this type says of its uplinks; nothing for a type that has none.

    The time that a script is given, and that its clock shows, is the network's, else the arrival. Raise
    ``UnavailableError`` when no worker can be had.
    """
    if definition.script is None or definition.codec is None:
        return ()
    if codecs is None:
        raise UnavailableError(f"{definition.type.name} has a script, and nobody is here to run it")
    variables = definition.codec.variables
    asked = [i for i, one in enumerate(uplinks) if carries_payload(one)]
    calls = [
        Call(list(one.payload or b""), one.f_port, _milliseconds(one, int(arrived[i])), variables)
        for i, one in ((i, uplinks[i]) for i in asked)
    ]
    told: list[Output | DecodeError | None] = [None] * len(uplinks)
    if not asked:
        return told
    for i, result in zip(asked, await codecs.run(definition.script, "uplink", calls), strict=True):
        if result.suspended:
            told[i] = CodecSuspendedError("; ".join(result.errors))
            continue
        try:
            told[i] = output_of(result)
        except DecodeError as error:
            told[i] = error
    return told


def carries_payload(uplink: Uplink) -> bool:
    """Whether there are bytes to decode: an empty frame on port 0 is only what a network says to itself."""
    return bool(uplink.payload) or (uplink.payload == b"" and uplink.f_port != 0)


def _milliseconds(uplink: Uplink, arrived_us: int) -> float:
    return arrived_us / 1000 if uplink.time is None else uplink.time.timestamp() * 1000
