"""``penfeld decode``: one payload in, fields with units out."""

import argparse
import base64
import binascii
from typing import TYPE_CHECKING

from model.errors import BadRequestError
from penfeld.config import load
from penfeld.output import as_json, remark, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from decoders.device import Decoded, Definition
    from model.value import Value

DESCRIPTION = """\
Decode one payload of a device type, as its network hands it over: hex (spaces, colons and 0x are allowed) or base64.
A type is a file's name: `penfeld devices types` lists them. The folders of `catalogue` in penfeld.toml count too.
A maker's script is run as ingest does, where it can hurt nobody; what it says that no field takes is shown as well."""
EXAMPLES = """\
  penfeld decode yobiiq_em4301 --port 1 0114000003e80115000007d0011600000bb8012400000006012500001770
  penfeld decode elsys_ers 0100e202290400270506060308070d62 --json
  penfeld decode penfeld_streetlight --port 1 --base64 AQIDBAUGBwgJCgs="""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("type", metavar="TYPE", help="device type")
    parser.add_argument("payload", metavar="PAYLOAD", nargs="+", help="the bytes as hex, or as base64 with --base64")
    parser.add_argument("--port", type=int, metavar="N", help="LoRaWAN port; which frame it is may depend on it")
    parser.add_argument("--base64", action="store_true", help="the payload is base64")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Decode and print."""
    from penfeld.devicefiles import definition

    device_type = definition(load(getattr(options, "config", None)), options.type)
    payload = payload_of("".join(options.payload), in_base64=options.base64)
    decoded, rest = _said(device_type, payload, options.port)
    if options.json:
        records = [
            {"values": record.values, "age_s": record.age_us / 1e6, "time_us": record.time_us}
            for record in decoded.records
        ]
        as_json(
            {
                "device_type": options.type,
                "f_port": options.port,
                "frame": decoded.frame,
                "records": records,
                "rest": rest,
                "warnings": decoded.warnings,
            }
        )
        return 0
    for number, record in enumerate(decoded.records):
        if len(decoded.records) > 1:
            print(
                f"{'' if number == 0 else chr(10)}record {number + 1} of {len(decoded.records)}, {_age(record.age_us)}"
            )
        units = {field.name: field.unit for field in device_type.type.fields}
        table(("field", "value", "unit"), [(name, value, units.get(name, "")) for name, value in record.values.items()])
    if rest:
        print(f"{chr(10) if decoded.records else ''}What no field of {options.type}.toml takes:")
        table(("path", "value"), list(rest.items()))
    for warning in decoded.warnings:
        remark(f"warning: {warning}")
    return 0


def _said(device_type: "Definition", payload: bytes, f_port: int | None) -> "tuple[Decoded, Mapping[str, Value]]":
    """Return what the fields say, and what they leave of what a codec said; a layout needs none of what is loaded."""
    if device_type.codec is None:
        return device_type.decode(payload, f_port=f_port), {}
    import asyncio

    return asyncio.run(_asked(device_type, payload, f_port))


async def _asked(
    device_type: "Definition", payload: bytes, f_port: int | None
) -> "tuple[Decoded, Mapping[str, Value]]":
    from api.decoding import said
    from ingest.cage import Cage
    from penfeld.clock import utc_now

    async with Cage() as cage:
        found = await said(device_type, payload, f_port, codecs=cage, at=utc_now())
    for line in found.log:
        remark(f"the script writes: {line}")
    return found.decoded, found.rest


def payload_of(text: str, *, in_base64: bool = False) -> bytes:
    """Return the bytes that a person wrote; raise ``BadRequestError``."""
    if in_base64:
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise BadRequestError(f"the payload is no base64 ({error}); leave --base64 out if it is hex") from None
    bare = "".join(text.split()).replace(":", "").replace("-", "").removeprefix("0x").removeprefix("0X")
    try:
        return bytes.fromhex(bare)
    except ValueError:
        odd = (
            f"has {len(bare)} hex digits, an odd number"
            if _is_hex(bare)
            else "is no hex; with --base64 it may be base64"
        )
        raise BadRequestError(f"the payload {odd}") from None


def _is_hex(text: str) -> bool:
    return all(character in "0123456789abcdefABCDEF" for character in text)


def _age(age_us: int) -> str:
    return f"{age_us / 1e6:g} s before the frame" if age_us else "at the frame's time"
