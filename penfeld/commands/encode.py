"""``penfeld encode``: fields in, the payload that a device of that type would send out."""

import argparse
import base64
import json
from typing import Any

from model.errors import BadRequestError
from penfeld.config import load
from penfeld.output import as_json

DESCRIPTION = """\
Encode values as a device of a type sends them: the opposite of `penfeld decode`. Values are name=value pairs or one
JSON object; a JSON list of objects makes a frame of several records. Leave out what the frame may lack."""
EXAMPLES = """\
  penfeld encode elsys_ers temperature_c=21.5 humidity_percent=40
  penfeld encode penfeld_binsensor '{"fill_level_percent": 83, "temperature_c": 11.5, "tilt": false}' --json"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("type", metavar="TYPE", help="device type")
    parser.add_argument("values", metavar="VALUES", nargs="+", help="name=value ..., or one JSON object or list")
    parser.add_argument("--port", type=int, metavar="N", help="LoRaWAN port of the frame to make")
    parser.add_argument("--frame", metavar="NAME", help="name of the frame to make, where a port alone does not tell")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Encode and print."""
    from penfeld.devicefiles import definition

    device_type = definition(load(getattr(options, "config", None)), options.type)
    encoded = device_type.encode(_values(options.values), frame=options.frame, f_port=options.port)
    if options.json:
        as_json(
            {
                "device_type": options.type,
                "f_port": encoded.f_port,
                "hex": encoded.payload.hex(),
                "base64": base64.b64encode(encoded.payload).decode(),
            }
        )
    else:
        port = "" if encoded.f_port is None else f"  (port {encoded.f_port})"
        print(f"{encoded.payload.hex()}{port}")
    return 0


def _values(words: list[str]) -> Any:  # noqa: ANN401 -- a JSON object or a list of them
    text = " ".join(words).strip()
    if text[:1] in "{[":
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise BadRequestError(f"the values are no JSON: {error}") from None
    pairs = [word.partition("=") for word in words]
    wrong = [name for name, equals, _ in pairs if not equals]
    if wrong:
        raise BadRequestError(f"{wrong[0]!r} is no name=value; write for instance power_w=42.5, or one JSON object")
    return {name: _value(text) for name, _, text in pairs}


def _value(text: str) -> Any:  # noqa: ANN401 -- a JSON scalar
    """Return a number, a truth or null where the text is one, else the text."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
