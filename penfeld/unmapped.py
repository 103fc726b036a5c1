"""What a codec says that no field takes, for the command line: in the examples of the device file, and in frames.

Rules: the database is asked where it runs already, or elsewhere; nothing is started for that. Without it the examples
tell what they can.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from api.decoding import said
from decoders.device import Definition
from decoders.proposals import Proposal
from decoders.unmapped import unmapped
from model.device import Kind, NewField
from model.errors import BadRequestError, DecodeError, PenfeldError
from model.ports import Codecs
from model.value import Value
from model.views import UnmappedPath
from penfeld.config import Config
from penfeld.runtime import DataFolder
from penfeld.wiring import database
from storage.queries import Queries


@dataclass(frozen=True, slots=True)
class Line:
    """A path that no field takes. ``devices``: how many said it lately, 0 where only an example does.

    ``proposal``: the field that it most likely is, ``None`` where that is not clear.
    """

    path: str
    value: Value
    devices: int
    proposal: Proposal | None


async def lines(config: Config, codecs: Codecs, definition: Definition) -> tuple[Sequence[Line], str]:
    """Return what no field of a type takes, in order of path; and why no frames were looked at, empty if some were."""
    if definition.codec is None:
        raise BadRequestError(f"{definition.type.name} has a layout, which names all that it says: nothing is left")
    frames, why = await _of_frames(config, definition)
    seen = {one.path: one.values for one in frames}
    for path, values in (await _of_examples(codecs, definition)).items():
        seen[path] = (*seen.get(path, ()), *values)
    devices = {one.path: one.devices for one in frames}
    found = unmapped(definition, seen)
    return [Line(path, seen[path][0], devices.get(path, 0), found[path]) for path in sorted(found)], why


async def _of_frames(config: Config, definition: Definition) -> tuple[Sequence[UnmappedPath], str]:
    if config.database.embedded and DataFolder(config.data_dir).running() is None:
        return (), "Penfeld does not run here"
    try:
        async with database(config) as opened:
            return await Queries(opened).unmapped(definition.type), ""
    except PenfeldError as error:
        return (), str(error)


async def _of_examples(codecs: Codecs, definition: Definition) -> Mapping[str, tuple[Value, ...]]:
    found: dict[str, tuple[Value, ...]] = {}
    for example in definition.examples:
        try:
            told = await said(definition, example.payload, example.f_port, codecs=codecs, at=None)
        except DecodeError:  # as it should, or `penfeld device check` tells
            continue
        for path, value in told.rest.items():
            found[path] = (*found.get(path, ()), value)
    return found


def chosen(
    found: Sequence[Line],
    path: str,
    *,
    name: str | None = None,
    quantity: str | None = None,
    kind: str | None = None,
    unit: str | None = None,
) -> NewField:
    """Return the field for a path: what a person says of it, else what is proposed; raise ``BadRequestError``."""
    line = next((one for one in found if one.path == path), None)
    proposal = line.proposal if line is not None else None
    lacking = [word for word, said_ in (("--name", name), ("--quantity", quantity)) if not said_ and proposal is None]
    if lacking:
        raise BadRequestError(f"{_unclear(found, path, line)}: say {' and '.join(lacking)}")
    if proposal is None or (quantity is not None and quantity != proposal.quantity):
        guessed = _kind(line.value) if line is not None else Kind.FLOAT
        proposal = Proposal(path, proposal.name if proposal is not None else "", guessed, quantity or "")
    return NewField(
        path=path,
        name=name or proposal.name,
        kind=Kind(kind) if kind else proposal.kind,
        quantity=proposal.quantity,
        unit=unit or proposal.unit,
        title=proposal.title,
    )


def _unclear(found: Sequence[Line], path: str, line: Line | None) -> str:
    """Return why nothing is proposed for a path."""
    if line is not None:
        return f"its name does not tell what {path!r} measures (it says {line.value!r})"
    near = get_close_matches(path, [one.path for one in found], 3, 0.5)
    hint = f"did you mean {' or '.join(near)}? To map it nevertheless" if near else "to map it nevertheless"
    return f"neither examples nor frames say {path!r}; {hint}"


def _kind(value: Value) -> Kind:
    if isinstance(value, bool):
        return Kind.BOOL
    return Kind.TEXT if isinstance(value, str) else Kind.FLOAT
