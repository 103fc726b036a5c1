"""Bytes as people read them."""

from collections.abc import Iterator


def hex_lines(content: bytes, *, width: int = 16, limit: int = 2048) -> Iterator[tuple[str, str, str]]:
    """Yield offset, hex digits and printable text of each line of a dump, at most ``limit`` bytes of it."""
    for offset in range(0, min(len(content), limit), width):
        part = content[offset : min(offset + width, limit)]
        text = "".join(chr(b) if 32 <= b < 127 else "·" for b in part)  # noqa: PLR2004 printable ASCII
        yield f"{offset:04x}", part.hex(" "), text
