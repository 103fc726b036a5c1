"""Lines of a device file, as who writes a first one needs them: with remarks that say what each is for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from decoders.device_file import DOMAINS, NETWORKS
from model.device import Kind, NewField, Text
from model.quantities import QUANTITIES
from model.value import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a draft says of the device. ``source``: where the codec comes from; ``codec``: the lines of ``[codec]``.

    ``french``, ``domain``, ``period``: empty where nobody knows; the draft guesses then, and says so.
    """

    title: str
    vendor: str
    model: str
    source: str
    codec: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[str, ...] = ("lorawan",)
    french: str = ""
    domain: str = ""
    period: str = ""


def head_lines(about: About, domain: str) -> list[str]:
    """Return the lines that say what a device is. ``domain``: what it most likely is of."""
    title = title_text(Text(en=about.title, fr=about.french or about.title))
    guessed = "" if about.domain else "guessed; "
    often = "how often it is expected to speak" if about.period else "guessed: how often it is expected to speak"
    return [
        f"title = {title}" + ("" if about.french else "  # to be translated"),
        f"vendor = {quoted(about.vendor)}",
        f"model = {quoted(about.model)}",
        f"domain = {quoted(about.domain or domain)}  # {guessed}there are {', '.join(DOMAINS)}",
        f"networks = [{', '.join(quoted(network) for network in about.networks)}]  # there are {', '.join(NETWORKS)}",
        f"period = {quoted(about.period or '1 h')}  # {often}",
        f"source = {quoted(about.source)}  # where this is known from",
        "",
    ]


def field_lines(field: NewField) -> list[str]:
    """Return the lines of a field that a codec says, but for its range."""
    lines = [f"[field.{field.name}]"]
    if field.title is not None:
        lines.append(f"title = {title_text(field.title)}")
    lines += [f"path = {quoted(field.path)}", f"kind = {quoted(field.kind)}", f"quantity = {quoted(field.quantity)}"]
    return lines if field.unit is None else [*lines, f"unit = {quoted(field.unit)}"]


def range_lines(kind: Kind, quantity: str) -> list[str]:
    """Return the line for the range of a field: its quantity's where that has two ends, else one to be filled in."""
    of = QUANTITIES[quantity]
    if kind not in {Kind.FLOAT, Kind.INT} or not of.unit:
        return []
    if of.minimum is not None and of.maximum is not None:
        return [f"range = [{of.minimum:g}, {of.maximum:g}]"]
    return [f"# range = [lowest, highest]  # plausible, in {of.unit}: a value outside is kept, and flagged"]


def example_lines(
    name: str,
    payload: bytes,
    f_port: int | None,
    records: Sequence[Mapping[str, Value]] = (),
    *,
    warnings: Sequence[str] = (),
    error: str = "",
) -> list[str]:
    """Return the lines of an example: what its payload means, and what is warned of; or why it is refused."""
    lines = ["[[example]]", f"name = {quoted(name)}"]
    if f_port is not None:
        lines.append(f"f_port = {f_port}")
    lines.append(f"payload = {quoted(payload.hex())}")
    if error:
        return [*lines, f"error = {quoted(error)}  # a part of the message", ""]
    said = [
        ", ".join(f"{key} = {value_text(value)}" for key, value in one.items() if value is not None) for one in records
    ]
    tables = [f"{{ {one} }}" if one else "{}" for one in said]
    if len(tables) == 1:
        lines.append(f"values = {tables[0]}")
    else:
        lines += ["records = [", *(f"  {one}," for one in tables), "]"] if tables else ["records = []"]
    if warnings:
        lines.append(f"warning = [{', '.join(quoted(warning) for warning in warnings)}]")
    return [*lines, ""]


def alert_lines(name: str = "", kind: Kind | None = None) -> list[str]:
    """Return remarks that show an alert, of a field where there is one: a draft does not know what is worth one."""
    limit = {Kind.BOOL: "values = [true]", Kind.TEXT: 'values = ["…"]'}.get(
        kind or Kind.FLOAT, "above = 30, clear = 28"
    )
    return [
        "# Devices of this type may bring alerts; docs/layout-language.md says more. Silence is watched already.",
        "# [alert.attention]",
        '# title = { en = "Needs a look", fr = "À vérifier" }',
        f"# when = {{ field = {quoted(name or 'temperature_c')}, {limit}, repeat = 2 }}",
    ]


def title_text(text: Text) -> str:
    """Return a text in both languages as TOML writes it."""
    return f"{{ en = {quoted(text.en)}, fr = {quoted(text.fr)} }}"


def value_text(value: Value) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return quoted(value) if isinstance(value, str) else repr(value)


def quoted(text: str) -> str:
    """Return a text as TOML writes it."""
    told = text.encode(errors="replace").decode()  # scripts may give half a character
    return json.dumps(told, ensure_ascii=False).replace("\x7f", "\\u007f")
