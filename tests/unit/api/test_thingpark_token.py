"""ThingPark's token: the published ones are found genuine, and no others."""

from typing import Any

import pytest

from api.thingpark_token import is_genuine

QUERY = {
    "LrnDevEui": "20635F0108000496",
    "LrnFPort": "17",
    "LrnInfos": "TWA_100002167.1111.AS-1-111974",
    "AS_ID": "TWA_100002167.1111.AS",
    "Time": "2021-04-07T08:49:51.551+00:00",
}

KEY = "f3203a20a2e8dfaf6686b621f56d05e3"
UPLINK = {
    "DevEUI_uplink": {
        "DevEUI": "20635F0108000496",
        "FPort": 17,
        "FCntUp": 18,
        "payload_hex": "032ce4850919d85d4c9f793ad148d24f32f3c6b5488f5a087cbeb1488f5a998c83ab",
        "CustomerID": "100002167",
    }
}
TOKEN = "196c22898bf95fcf48b72be198c89256410660b9b514539651344baa594ad74f"  # noqa: S105 - a published example


def test_token() -> None:
    """The token of Actility's published example comes out, from numbers and from texts, in any order of the query."""
    texts: dict[str, Any] = {key: str(value) for key, value in UPLINK["DevEUI_uplink"].items()}

    asked = {**QUERY, "Token": TOKEN}
    assert is_genuine(asked, UPLINK, KEY)
    assert is_genuine(dict(sorted(asked.items())), {"DevEUI_uplink": texts}, KEY)
    assert is_genuine({**asked, "more": "y"}, UPLINK, KEY)


@pytest.mark.parametrize(
    ("eui", "port", "report", "token"),
    [
        (
            "0059AC0000000001",
            "1",
            {"DevEUI_uplink": {"FPort": "1", "FCntUp": "1", "payload_hex": "000102030405"}},
            "5b7ec8b0b2c250fc792c76348de3b16ff04e27050baf8a37c891dcc85e88b0d4",
        ),
        (
            "0059AC0000000001",
            "1",
            {"DevEUI_downlink_Sent": {"FPort": "1", "FCntDn": "1", "FCntUp": "9"}},
            "345dc204c72a9769441c4700cd0a0fb76c5b356e3931540e891fc7e68f236c98",
        ),
        (
            "0059ac0000000001",
            "0",
            {"DevEUI_location": {}},
            "d23b3507663d817c77d124cfbe4f1d5a67ba957e91471b39512b8f103fe46a17",
        ),
    ],
)
def test_token_of_each_report(eui: str, port: str, report: dict[str, dict[str, str]], token: str) -> None:
    """The tokens of KPN's published examples come out, each with the elements of its report."""
    ((root, fields),) = report.items()
    query = {
        "LrnDevEui": eui,
        "LrnFPort": port,
        "LrnInfos": "TWA_100000001.999.AS-1-12345678",
        "AS_ID": "TWA_100000001.999",
        "Time": "2018-01-12T10:00:00.000+01:00",
    }
    body = {root: {"DevEUI": "0059AC0000000001", "CustomerID": "100000001", **fields}}

    assert is_genuine({**query, "Token": token}, body, "c6f5e3b263092120b8766b9aed9c41b4")
    assert is_genuine({**query, "Token": token}, body, "C6F5E3B263092120B8766B9AED9C41B4")


def test_genuine() -> None:
    """A report is genuine with its own token only; without one, or changed, it is not."""
    query = {**QUERY, "Token": TOKEN}
    changed = {"DevEUI_uplink": {**UPLINK["DevEUI_uplink"], "FCntUp": 19}}

    assert is_genuine(query, UPLINK, KEY)
    assert is_genuine({**QUERY, "Token": TOKEN.upper()}, UPLINK, KEY)
    assert not is_genuine(QUERY, UPLINK, KEY)
    assert not is_genuine({**QUERY, "Token": "é"}, UPLINK, KEY)
    assert not is_genuine(query, changed, KEY)
    assert not is_genuine({**query, "Time": "2021-04-07T08:49:52.551+00:00"}, UPLINK, KEY)
    assert not is_genuine(query, UPLINK, "00" * 16)


def test_a_report_that_is_none_has_no_token() -> None:
    """An object without any report is never genuine."""
    assert not is_genuine({**QUERY, "Token": TOKEN}, {}, KEY)
    assert not is_genuine({**QUERY, "Token": TOKEN}, {"DevEUI_uplink": "text"}, KEY)
