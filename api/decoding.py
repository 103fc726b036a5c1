"""What a payload says: a layout or a format is read here, a maker's script is asked behind its port, never here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from decoders.device import Decoded, Definition
from decoders.output import Output, output_of
from model.errors import CodecSuspendedError
from model.ports import Codecs
from model.script import Call
from model.value import Value


@dataclass(frozen=True, slots=True)
class Said:
    """What the fields say of a payload, and what they leave.

    ``rest``: what the codec said that no field takes, by path; ``output``: all that it said, ``None`` of a layout;
    ``log``: what a script wrote to its console.
    """

    decoded: Decoded
    rest: Mapping[str, Value] = field(default_factory=dict)
    output: Output | None = None
    log: tuple[str, ...] = ()


async def said(
    definition: Definition, payload: bytes, f_port: int | None, *, codecs: Codecs, at: datetime | None
) -> Said:
    """Return what a payload says; raise ``DecodeError``, or ``UnavailableError`` when nobody can run a script.

    ``at``: the time that a script is told, and that its clock shows; ``None``: it is told none.
    """
    if definition.codec is None:
        return Said(definition.decode(payload, f_port=f_port))
    log: tuple[str, ...] = ()
    if definition.script is None:
        output = definition.output(payload, f_port=f_port)
    else:
        time_ms = None if at is None else at.timestamp() * 1000
        call = Call(list(payload), f_port, time_ms, definition.codec.variables)
        [result] = await codecs.run(definition.script, "uplink", [call])
        if result.suspended:
            raise CodecSuspendedError("; ".join(result.errors))
        output, log = output_of(result), result.log
    mapped = definition.mapped(output)
    return Said(Decoded(mapped.records, mapped.warnings), mapped.rest, output, log)
