import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.console.payloads import HexError, attempt, parse_hex
from decoders.catalogue import Catalogue
from decoders.device import Definition
from model.errors import UnavailableError
from model.script import Call, Result, Script, Way
from tests.fakes.codecs import ToldCodecs
from tests.unit.api.scene import MAST_FILE, MAST_SCRIPT

LAMP = Catalogue.builtin()["penfeld_streetlight"]
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


class Nobody(ToldCodecs):
    """No process can be had."""

    async def run(self, script: Script, way: Way, calls: Sequence[Call]) -> Sequence[Result]:
        """Fail."""
        raise UnavailableError(f"no process answers for {script.name}: {way}, {len(calls)} calls")


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
    tried = asyncio.run(attempt(LAMP, payload, None, codecs=ToldCodecs(), at=NOON))
    assert (tried.said is None) == bool(tried.problem)
    assert 0 <= (tried.offset or 0) <= len(payload)


async def test_where_it_stopped() -> None:
    """A payload that is cut short names the field that is missing and the byte at which decoding stopped."""
    tried = await attempt(LAMP, bytes.fromhex("8046019000303908"), 1, codecs=ToldCodecs(), at=NOON)
    assert tried.said is None
    assert "voltage_v" in tried.problem
    assert tried.offset == 7


async def test_a_script_is_asked_elsewhere() -> None:
    """What a script says comes from who runs scripts; what it refuses has no byte; that nobody runs it is told."""
    mast = Definition.read("mast", MAST_FILE, lambda _: MAST_SCRIPT)
    codecs = ToldCodecs(mast=Result(data={"wind": 20, "hum": 55.5}))

    tried = await attempt(mast, b"\x01", 3, codecs=codecs, at=NOON)
    refused = await attempt(mast, b"\x01", 3, codecs=ToldCodecs(), at=NOON)
    nobody = await attempt(mast, b"\x01", 3, codecs=Nobody(), at=NOON)

    assert tried.said is not None
    assert tried.said.rest == {"hum": 55.5}
    assert codecs.asked[0][2].time_ms == NOON.timestamp() * 1000
    assert (refused.problem, refused.offset) == ("mast.js says nothing", None)
    assert "no process answers" in nobody.problem
