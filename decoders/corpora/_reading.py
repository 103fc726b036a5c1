"""What the layouts share: texts as people write them (YAML, JSON with remarks), and examples in their many spellings.

Rules:

1. YAML is read as YAML 1.2 has it: ``on``, ``off`` and ``yes`` are texts, a date is a text.
2. An example that cannot be read is a problem with a name, and costs no other.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import yaml

from decoders.corpora.published import NOTHING, Expected, Fixture, too_deep
from model.script import Way

_JSON_PARTS = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*")|(?P<single>'(?:\\.|[^'\\])*')|//[^\n]*|/\*.*?\*/"""
    r"""|(?P<hex>-?0[xX][0-9a-fA-F]+)|(?P<key>[A-Za-z_$][\w$]*)(?=\s*:)|(?P<comma>,(?=\s*[\]}]))""",
    re.DOTALL,
)
_KNOWN = frozenset({
    "bytes", "context", "data", "fPort", "fport", "port", "recvTime", "thing", "time", "variables",
})  # fmt: skip
"""Keys of an example's input that have a place of their own in ours; what else stands there is handed on."""
_ALIAS = re.compile(r"(?:^|[\s\[{,])\*\w", re.MULTILINE)
_MOST_ALIASES = 20
"""No codec has any; a few lines of them can stand for more than fits into any machine."""
_FRACTION = re.compile(r"\.\d+")


def _loader() -> Any:  # noqa: ANN401 - a class of a library without types
    loader = type("Yaml12Loader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {"yaml_implicit_resolvers": {}})
    for tag, pattern, first in (
        ("null", r"~|null|Null|NULL|", "~nN\0"),
        ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
        ("int", r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+", "-+0123456789"),
        (
            "float",
            r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
            "-+0123456789.",
        ),
        ("merge", r"<<", "<"),
    ):
        signs = [None if sign == "\0" else sign for sign in first]
        loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), signs)  # type: ignore[attr-defined]
        if tag == "null":
            loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^$"), [""])  # type: ignore[attr-defined]
    return loader


_LOADER = _loader()


def from_yaml(text: str) -> Any:  # noqa: ANN401 - whatever the file holds
    """Return what a YAML text says; raise ``ValueError``."""
    if sum(1 for _ in _ALIAS.finditer(text)) > _MOST_ALIASES:
        raise ValueError(f"is no YAML to be read: more than {_MOST_ALIASES} aliases")
    try:
        return yaml.load(text, _LOADER)  # noqa: S506 - made of the safe loader
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        raise ValueError(f"is no YAML: {' '.join(str(error).split())}") from None


def from_json(text: str) -> Any:  # noqa: ANN401 - whatever the file holds
    """Return what a JSON text says, or text that a script would take for it; raise ``ValueError``."""
    text = text.removeprefix("\ufeff")
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("is no JSON: too deep") from None
    except ValueError:
        pass
    try:
        return json.loads(_JSON_PARTS.sub(_plain, text))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is no JSON: {error}") from None


def _plain(match: re.Match[str]) -> str:
    if match["text"]:
        return match["text"]
    if match["single"]:
        return json.dumps(re.sub(r"\\(.)", r"\1", match["single"][1:-1]))
    if match["key"]:
        return f'"{match["key"]}"'
    return str(int(match["hex"], 16)) if match["hex"] else ""


def fixtures(raw: object, way: Way | None, where: str) -> tuple[list[Fixture], list[str]]:
    """Return a list of examples, and what is wrong with those that cannot be read.

    ``way``: which function they are of, ``None`` where each says so itself. An entry of another kind is passed over.
    """
    found: list[Fixture] = []
    problems: list[str] = []
    if raw is None:
        return found, problems
    if not isinstance(raw, list):
        return found, [f"{where}: examples must be a list"]
    for number, entry in enumerate(raw, start=1):
        try:
            found += _fixture(entry, way, number)
        except ValueError as error:
            problems.append(f"{where}: example {number} {error}")
    return found, problems


WAYS: Mapping[str, Way] = {
    "uplink": "uplink",
    "downlink-encode": "downlink",
    "downlink-decode": "back",
    "downlink": "downlink",
}
"""How Actility's examples say which function they are of."""


def _fixture(entry: object, way: Way | None, number: int) -> Iterable[Fixture]:
    """Return an example; none, if it is of no function that we know."""
    if not isinstance(entry, dict):
        raise ValueError("is no object")  # noqa: TRY004 - a problem of the file, not of our call
    if too_deep(entry):
        raise ValueError("is nested too deep")
    if way is None:
        way = WAYS.get(str(entry.get("type", "uplink")))
        if way is None:
            return ()
    given = entry.get("input")
    if not isinstance(given, dict):
        given = {key: entry[key] for key in _KNOWN & entry.keys()}
    wanted = entry.get("output", entry.get("expected", NOTHING))
    payload = _object(given.get("data")) if way == "downlink" else _bytes(given.get("bytes"))
    port = given.get("fPort", given.get("fport", given.get("port")))
    thing = given.get("thing", entry.get("thing"))
    setup = thing.get("setup") if isinstance(thing, dict) else None
    context = given.get("context", []) if entry.get("useContext") else None
    variables = given.get("variables") or setup or {}
    return [
        Fixture(
            name=str(entry.get("description") or entry.get("name") or f"example {number}").strip(),
            way=way,
            given=payload,
            expected=_expected(wanted, way),
            f_port=port if isinstance(port, int) and not isinstance(port, bool) else None,
            time=_time(given.get("recvTime", given.get("time"))),
            variables={str(key): str(value) for key, value in variables.items()} if isinstance(variables, dict) else {},
            context=context if isinstance(context, list) else None,
            more={key: value for key, value in given.items() if key not in _KNOWN},
        )
    ]


def _object(value: object) -> Mapping[str, object] | Sequence[object]:
    """Return what is to be encoded; raise ``ValueError``."""
    if isinstance(value, dict | list):
        return value
    raise ValueError("has no object `data` to encode")


def _bytes(value: object) -> bytes:
    """Return a payload that is written as numbers or as hex digits; raise ``ValueError``."""
    if isinstance(value, list) and all(isinstance(byte, int | float) and byte == int(byte) for byte in value):
        return bytes(int(byte) & 0xFF for byte in value)
    if isinstance(value, str):
        try:
            return bytes.fromhex(value.replace(":", "").replace("-", "").replace("0x", ""))
        except ValueError:
            pass
    raise ValueError(f"has no payload: bytes is {value!r:.60}")


def _time(value: object) -> datetime | None:
    """Return when the frame came, where that is told."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(_FRACTION.sub(lambda fraction: fraction[0][:7].ljust(7, "0"), value.strip()))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _expected(wanted: object, way: Way) -> Expected:
    """Return what an example promises, in one form."""
    if not isinstance(wanted, dict):
        return Expected(wanted)
    errors, warnings = _texts(wanted.get("errors")), _texts(wanted.get("warnings"))
    if way == "downlink":
        if "bytes" not in wanted:
            return Expected(NOTHING, errors, warnings)
        port = wanted.get("fPort", wanted.get("port"))
        payload = wanted["bytes"]
        payload = list(_bytes(payload)) if isinstance(payload, str) else payload
        return Expected({"bytes": payload} | ({} if port is None else {"fPort": port}), errors, warnings)
    if {"data", "errors", "warnings"} & wanted.keys():
        return Expected(wanted.get("data", NOTHING), errors, warnings)
    return Expected(wanted)  # older styles: what the function returned


def _texts(value: object) -> tuple[str, ...]:
    if value in (None, "", [], {}):
        return ()
    return tuple(str(entry) for entry in value) if isinstance(value, list) else (str(value),)
