"""Parts of rules as lines of TOML, in the short forms of ``model.rule_text``. Pure.

What is written says exactly the same when it is read again.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from decoders.device_lines import quoted, value_text
from model.rule_text import KINDS_BY_KEY

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_JOINED = ("all", "any", "not")
_SINGLE = ("type", "device", "district", "experiment", "network", "notify")
_LASTING = ("for", "repeat", "clear_for", "hold", "flagged")
_EXACT = 1e15


def value_lines(value: Any, key: str = "") -> str:  # noqa: ANN401 -- plain values
    """Return a value of a rule in TOML, as ``key`` of its table."""
    return _single(key, value) or _toml(value, "")


def shortened(of: Any) -> dict[str, Any]:  # noqa: ANN401 -- plain values of a condition
    """Return a condition without the kind that its other keys say."""
    kind = of["kind"]
    lasting = {key: of[key] for key in _LASTING if key in of}
    rest = {key: value for key, value in of.items() if key != "kind" and key not in lasting} | lasting
    if kind in _JOINED:
        inner = rest["of"]
        return {kind: shortened(inner) if kind == "not" else [shortened(one) for one in inner]}
    told = next((of_key for key, of_key in KINDS_BY_KEY if key in rest), None)
    return rest if told == kind else {"kind": kind, **rest}


def _toml(value: Any, indent: str, key: str = "") -> str:  # noqa: ANN401 -- plain values
    """Return a value in TOML; tables of a list stand on lines of their own."""
    if isinstance(value, Mapping):
        inner = [f"{_key(name)} = {_single(name, one) or _toml(one, indent, name)}" for name, one in value.items()]
        return f"{{ {', '.join(inner)} }}" if inner else "{}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        if any(isinstance(one, Mapping) for one in value):
            deeper = f"{indent}  "
            return "\n".join(["[", *(f"{deeper}{_toml(one, deeper)}," for one in value), f"{indent}]"])
        return f"[{', '.join(_toml(one, indent, key) for one in value)}]"
    if isinstance(value, float) and key != "values" and value.is_integer() and 0 < abs(value) < _EXACT:
        return str(int(value))
    if value is None:
        raise ValueError("TOML has no word for nothing")
    return value_text(value)


def _single(key: str, value: object) -> str:
    """Return the only text of a list as rules may write it, "" where that is not all there is."""
    if key in _SINGLE and isinstance(value, list | tuple) and len(value) == 1 and isinstance(value[0], str):
        return quoted(value[0])
    return ""


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else quoted(name)
