import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.console.payloads import HexError, attempt, parse_hex
from decoders.catalogue import Catalogue

LAMP = Catalogue.builtin()["penfeld_streetlight"]


@pytest.mark.parametrize(
    "text", ["80460190", "80 46 01 90", "0x80, 0x46,0x01 0x90", "80:46-01_90\n", "80\u00a046 0190"]
)
def test_hex_as_people_paste_it(text: str) -> None:
    """Blanks, separators and 0x are passed over."""
    assert parse_hex(text) == bytes.fromhex("80460190")


@pytest.mark.parametrize(
    ("text", "key", "position"),
    [
        ("80 4g", "type.bad_hex", 5),
        ("80 4", "type.odd_hex", 0),
        (" ,", "type.empty_hex", 0),
        ("<b>", "type.bad_hex", 1),
    ],
)
def test_what_is_no_hex(text: str, key: str, position: int) -> None:
    """What is no hex is refused with the reason and the place."""
    with pytest.raises(HexError) as caught:
        parse_hex(text)
    assert (caught.value.key, caught.value.position) == (key, position)


@given(st.binary(min_size=1, max_size=60))
def test_any_bytes(payload: bytes) -> None:
    """Any bytes, written as hex, come back; tried on a device they give values or a problem inside the payload."""
    assert parse_hex(payload.hex(" ")) == payload
    tried = attempt(LAMP, payload, None)
    assert (tried.decoded is None) == bool(tried.problem)
    assert 0 <= tried.offset <= len(payload)


def test_where_it_stopped() -> None:
    """A payload that is cut short names the field that is missing and the byte at which decoding stopped."""
    tried = attempt(LAMP, bytes.fromhex("8046019000303908"), 1)
    assert tried.decoded is None
    assert "voltage_v" in tried.problem
    assert tried.offset == 7
