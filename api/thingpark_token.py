"""The token by which ThingPark proves that a report is its own: SHA-256 over report, address and a shared key. Pure.

Rules:

1. It covers, with nothing between them: elements of the report, the parameters of the address in the order of
   ``_QUERY``, decoded and as ``name=value`` with ``&`` between, and the key.
2. Which elements, says the kind of report. A port that is missing counts as 0, all else that is missing as nothing. Of
   some kinds ThingPark writes the DevEUI in lower case; the key may be written in either.
"""

from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest

_QUERY = ("LrnDevEui", "LrnFPort", "LrnInfos", "AS_ID", "Time")
_ELEMENTS = {
    "DevEUI_uplink": ("CustomerID", "DevEUI", "FPort", "FCntUp", "payload_hex"),
    "DevEUI_downlink_Sent": ("CustomerID", "DevEUI", "FPort", "FCntDn"),
}
_OTHERS = ("CustomerID", "DevEUI")
_MISSING = {"FPort": "0"}


def is_genuine(query: Mapping[str, str], body: Mapping[str, object], key: str) -> bool:
    """Return whether the address (decoded) bears the token of this report and key."""
    given = query.get("Token", "").lower().encode()
    asked = "&".join(f"{name}={query[name]}" for name in _QUERY if name in query)
    fitting = [
        compare_digest(given, sha256(f"{elements}{asked}{one}".encode()).hexdigest().encode())
        for kind, report in body.items()
        if isinstance(report, Mapping)
        for elements in _written(kind, report)
        for one in (key, key.lower())
    ]
    return any(fitting)


def _written(kind: str, report: Mapping[str, object]) -> tuple[str, str]:
    """Return the elements of a report one behind the other, with the DevEUI as it is and in lower case."""
    values = {name: _text(report.get(name), name) for name in _ELEMENTS.get(kind, _OTHERS)}
    return "".join(values.values()), "".join({**values, "DevEUI": values["DevEUI"].lower()}.values())


def _text(value: object, name: str) -> str:
    return _MISSING.get(name, "") if value is None or value == "" else str(value)
