"""Makes a first device file: of what a maker's script or a format says of some payloads, or of nothing but a name.

Rules: a script runs in the cage; nothing is written before all is known to be well; what is there stays, unless forced.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from decoders.catalogue import Catalogue
from decoders.device import Definition
from decoders.drafts import About, Draft, Said, draft, file_name
from decoders.formats import Format, formats, sigfox
from decoders.layout_drafts import ALL_ZERO, blank, by_name, of_grammar
from decoders.output import Output, output_of
from decoders.proposals import Proposal
from ingest.cage import Cage
from model.errors import BadRequestError, ConfigError, DecodeError
from model.script import MOST_PROBES, Call, Result, Script
from model.value import Value

_SHORTER = 3
_LONGEST_ERROR = 100
_PLACE = re.compile(r"^\S+\.js(?::\d+)?: ")
_PAYLOAD = re.compile(r" \(payload [^()]*\)$")


@dataclass(frozen=True, slots=True)
class Example:
    """A payload that a device sent, and on which port."""

    payload: bytes
    f_port: int | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A device file, not yet written. ``unplaced``: what the codec says at paths for which there is no field.

    ``notes``: what else a person should know. ``script``: the bytes of the maker's script.
    """

    text: str
    fields: Sequence[Proposal] = ()
    unplaced: Mapping[str, Sequence[Value]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    script: bytes | None = None


def check_name(name: str, folder: Path, script: Path | None, *, force: bool) -> None:
    """Raise ``BadRequestError`` for a name that no device file can have, or that one has already."""
    if name != file_name(name):
        raise BadRequestError(
            f"{name!r} cannot be a device file's name, which is lower-case words joined by '_': {file_name(name)}, say"
        )
    if force:
        return
    if name in Catalogue.builtin():
        raise BadRequestError(
            f"Penfeld has a device type {name}; choose another name, or --force to put yours in its place"
        )
    for file in (folder / f"{name}.toml", folder / f"{name}.js"):
        own = (
            script is not None and file.suffix == ".js" and file.exists() and script.exists() and file.samefile(script)
        )
        if file.exists() and not own:
            raise BadRequestError(f"{file} is there already; choose another name, or --force writes over it")


def of_nothing(name: str, about: About, *, with_layout: bool) -> Made:
    """Return a device file to begin with: for a board that speaks JSON if it is on no radio, else with a layout."""
    board = about.networks == ("native",) and not with_layout
    return Made(by_name(name, about) if board else blank(about))


async def of_script(name: str, about: About, file: Path, examples: Sequence[Example]) -> Made:
    """Return a device file for a maker's script, with fields for what it says of the examples.

    Raise ``ConfigError`` for a script that cannot be called.
    """
    content = _content(file)
    calls = [Call(list(one.payload), one.f_port) for one in examples]
    script = Script(name=file.name, source=content.decode("utf-8-sig", "replace"), probes=tuple(calls[:MOST_PROBES]))
    async with Cage() as cage:
        if broken := await cage.problem(script):
            raise ConfigError([broken])
        results = await cage.run(script, "uplink", calls)
        shorter = _shorter(examples)
        cut = await cage.run(script, "uplink", [Call(list(one.payload), one.f_port) for one in shorter])
    said, notes = _said(examples, results)
    refused = [_of_result("cut short", one, result) for one, result in zip(shorter, cut, strict=True)]
    said += [one for one in refused if one is not None and one.error][:1] if not any(one.error for one in said) else []
    if not examples:
        notes.append("the script was not asked yet: give it payloads by --example HEX:PORT, and fields are proposed")
    made = _drafted(name, replace(about, codec={"script": f"{name}.js"}), said)
    return replace(made, notes=notes, script=content)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadRequestError(f"{file}: cannot be read: {error.strerror}; check the path") from None


def of_format(name: str, about: About, wanted: str, examples: Sequence[Example]) -> Made:
    """Return a device file for payloads in a known format, with fields for what it finds in the examples."""
    module = formats().get(wanted)
    if module is None:
        raise BadRequestError(f"{wanted!r} is no format; there are {', '.join(formats())}")
    return _of_format(name, replace(about, codec={"format": wanted}), module.make({}), examples)


def of_sigfox(name: str, about: About, grammar: str, examples: Sequence[Example]) -> Made:
    """Return a device file for a grammar: with a layout where one can say the same, else with the grammar itself."""
    with_layout = of_grammar(about, grammar, [one.payload for one in examples])
    if with_layout is not None:
        return _made(with_layout)
    codec = {"format": sigfox.NAME, "grammar": grammar}
    format_ = sigfox.make({"grammar": grammar})
    if examples:
        return _of_format(name, replace(about, codec=codec), format_, examples)
    return _of_format(name, replace(about, codec=codec), format_, [Example(_shortest(format_))], called=ALL_ZERO)


def _drafted(name: str, about: About, said: Sequence[Said]) -> Made:
    return _made(draft(name, about, [one.output for one in said if not one.error], said, every=True))


def _made(made: Draft) -> Made:
    return Made(made.text, made.fields, made.unplaced)


def _shortest(format_: Format) -> bytes:
    """Return the shortest payload of zeros that a format takes."""
    return next((bytes(size) for size in range(256) if not _of_payload(format_, "", Example(bytes(size))).error), b"")


def _of_format(
    name: str, about: About, format_: Format, examples: Sequence[Example], called: str = "payload {}"
) -> Made:
    said = [_of_payload(format_, called.format(number), one) for number, one in enumerate(examples, 1)]
    notes = [f"{one.payload.hex()} fails: {one.error}" for one in said if one.error]
    refused = [_of_payload(format_, "cut short", one) for one in _shorter(examples)]
    said += [one for one in refused if one.error][:1] if not notes else []
    if not examples:
        notes.append("nothing was decoded yet: give payloads by --example HEX:PORT, and fields are proposed")
    return replace(_drafted(name, about, said), notes=notes)


def _of_payload(format_: Format, name: str, example: Example) -> Said:
    try:
        return Said(name, example.payload, example.f_port, format_.decode(example.payload, example.f_port))
    except DecodeError as error:
        return Said(name, example.payload, example.f_port, Output({}), str(error)[:_LONGEST_ERROR])


def _shorter(examples: Sequence[Example]) -> list[Example]:
    """Return the first example cut short in some ways, for one that should be refused."""
    if not examples:
        return []
    payload, f_port = examples[0].payload, examples[0].f_port
    cuts = dict.fromkeys((payload[:-1], payload[: len(payload) // 2], b""))
    return [Example(cut, f_port) for cut in cuts if cut != payload][:_SHORTER]


def _said(examples: Sequence[Example], results: Sequence[Result]) -> tuple[list[Said], list[str]]:
    """Return what the script said, and notes on what it could not."""
    said: list[Said] = []
    notes: list[str] = []
    for number, (example, result) in enumerate(zip(examples, results, strict=True), 1):
        one = _of_result(f"payload {number}", example, result)
        if result.errors:
            notes.append(f"the script fails: {'; '.join(result.errors)}")
        if one is not None:
            said.append(one)
    return said, notes


def _of_result(name: str, example: Example, result: Result) -> Said | None:
    """Return what a result says; ``None`` for one that is no promise: the script overstepped a limit."""
    if not result.errors:
        return Said(name, example.payload, example.f_port, output_of(result))
    error = _PAYLOAD.sub("", _PLACE.sub("", result.errors[0]))[:_LONGEST_ERROR].strip()
    return None if result.stopped or not error else Said(name, example.payload, example.f_port, Output({}), error)


def write(folder: Path, name: str, made: Made) -> Sequence[Path]:
    """Write the device file, and the script beside it, unmodified; return what was written."""
    Definition.read(name, made.text, lambda _: "")
    script, file = folder / f"{name}.js", folder / f"{name}.toml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if made.script is not None and not (script.exists() and script.read_bytes() == made.script):
            script.write_bytes(made.script)
        file.write_text(made.text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise BadRequestError(f"{folder}: cannot be written: {error.strerror}; choose another by --to") from None
    return (file, script) if made.script is not None else (file,)
