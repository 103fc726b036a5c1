"""A JSON object in the payload, as UTF-8; objects and lists may stand in it. ``_json`` says how it is read."""

from collections.abc import Mapping

from decoders.formats import _json
from decoders.formats._base import Format, check_options, shortened
from decoders.output import Output
from model.errors import DecodeError

NAME = "json"
OPTIONS: Mapping[str, str] = {}


def make(options: Mapping[str, str]) -> "Json":
    """Return the format; raise ``ConfigError`` for any option."""
    check_options(NAME, options, {})
    return Json()


class Json(Format):
    """A JSON object."""

    name = NAME

    def decode(self, payload: bytes, f_port: int | None = None) -> Output:  # noqa: ARG002 - one format on all ports
        """Return what a payload says; raise ``DecodeError``."""
        data, warnings = _json.read(payload)
        if not isinstance(data, dict):
            raise DecodeError("a JSON object is needed, of names and values")
        return Output(data, shortened(warnings))

    def encode(self, data: Mapping[str, object]) -> bytes:
        """Return the payload that says ``data``; raise ``EncodeError``."""
        return _json.write(data)
