"""A dump shows offset, digits and letters."""

from model.dump import hex_lines


def test_dump() -> None:
    """A dump shows offset, bytes and what of them can be read, up to its limit."""
    lines = list(hex_lines(b"Penfeld <b>\x00\xff" + bytes(40), limit=20))
    assert lines[0] == ("0000", "50 65 6e 66 65 6c 64 20 3c 62 3e 00 ff 00 00 00", "Penfeld <b>·····")
    assert lines[1] == ("0010", "00 00 00 00", "····")
    assert len(lines) == 2
