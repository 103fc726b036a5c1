"""A CBOR map in the payload (RFC 8949). ``_cbor`` says how it is read; integer keys become texts (``1`` is ``"1"``)."""

from collections.abc import Mapping

from decoders.formats import _cbor
from decoders.formats._base import Format, check_options, shortened
from decoders.output import Output
from model.errors import DecodeError

NAME = "cbor"
OPTIONS: Mapping[str, str] = {}


def make(options: Mapping[str, str]) -> "Cbor":
    """Return the format; raise ``ConfigError`` for any option."""
    check_options(NAME, options, {})
    return Cbor()


class Cbor(Format):
    """A CBOR map."""

    name = NAME

    def decode(self, payload: bytes, f_port: int | None = None) -> Output:  # noqa: ARG002 - one format on all ports
        """Return what a payload says; raise ``DecodeError``."""
        data, warnings = _cbor.read(payload)
        if not isinstance(data, dict):
            raise DecodeError("a CBOR map is needed, of names and values")
        return Output(data, shortened(warnings))

    def encode(self, data: Mapping[str, object]) -> bytes:
        """Return the payload that says ``data``; raise ``EncodeError``."""
        return _cbor.write(data)
