"""Makers' codecs run unmodified, depend on their input alone, and are stopped when they take too much."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from decoders.javascript import Call, Codec, Limits
from model.errors import ConfigError

NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
ROOT = Path(__file__).parents[3]


def said(source: str, payload: bytes = b"\x01\x02", **more: object) -> object:
    """Return what a codec says of a payload, which it understands."""
    result = Codec(source).decode(payload, **more)  # type: ignore[arg-type]
    assert result.errors == ()
    return result.data


def body(code: str) -> str:
    """Return a codec with this body."""
    return "function decodeUplink(input) {" + code + "}"


@pytest.mark.parametrize(
    "source",
    [
        "function decodeUplink(input) { return { data: { size: input.bytes.length, port: input.fPort } } }",
        "const decodeUplink = (input) => ({ data: { size: input.bytes.length, port: input.fPort } });",
        "function Decode(fPort, bytes, variables) { return { size: bytes.length, port: fPort } }",
        "function Decoder(bytes, port) { return { size: bytes.length, port: port } }",
        "exports.decodeUplink = (input) => ({ data: { size: input.bytes.length, port: input.fPort } })",
        "module.exports = { decodeUplink(input) { return { data: { size: input.bytes.length, port: input.fPort } } } }",
        "var driver = { decodeUplink: (input) => ({ data: { size: input.bytes.length, port: input.fPort } }) }",
        "export function decodeUplink(input) { return { data: { size: input.bytes.length, port: input.fPort } } }",
        "var decodeUplink = (i) => ({ data: { size: i.bytes.length, port: i.fPort } });\nexport { decodeUplink };",
    ],
    ids=["TS013", "constant", "ChirpStack v3", "TTN v2", "exports", "module", "driver", "export", "export list"],
)
def test_every_style_of_codec_is_called(source: str) -> None:
    """TS013, ChirpStack v3, The Things Network v2, Actility and modules: each gets the bytes and the port."""
    assert said(source, b"abc", f_port=7) == {"size": 3, "port": 7}


def test_a_codec_is_a_sloppy_script() -> None:
    """What strict mode refuses runs: names never declared, octal numbers, one parameter twice."""
    source = "function add(a, a) { return a }" + body("n = 010; return { data: { n: n, a: add(1, 2) } }")
    assert said(source) == {"n": 8, "a": 2}


def test_bytes_are_a_plain_array() -> None:
    """Codecs may reverse, join and slice the bytes, and hand them on as JSON."""
    assert said(body("return { data: { b: input.bytes.slice().reverse(), j: JSON.stringify(input.bytes) } }")) == {
        "b": [2, 1],
        "j": "[1,2]",
    }


def test_the_clock_is_that_of_the_frame() -> None:
    """Date, Date.now and recvTime all tell when the frame came, so decoding again gives the same."""
    code = "return { data: { d: new Date(), n: Date.now(), r: input.recvTime, is: input.recvTime instanceof Date } }"
    moment = "2026-03-01T12:00:00.250Z"
    expected = {"d": moment, "n": NOON.timestamp() * 1000, "r": moment, "is": True}
    assert said(body(code), recv_time=NOON) == expected
    years = body("return { data: { r: input.recvTime.getFullYear(), y: new Date().getFullYear() } }")
    assert said(years) == {"r": 1970, "y": 1970}


def test_local_time_is_utc_wherever_it_runs() -> None:
    """A codec that uses local time gives the same in Paris as in a worker, whose zone is UTC."""
    code = (
        "from decoders.javascript import Codec; print(Codec('''function decodeUplink() {"
        "const d = new Date(2026, 6, 1, 12); return { data: { h: d.getHours(), d: d, o: d.getTimezoneOffset(),"
        " t: new Date('2026-07-01T12:00:00'), day: new Date('2026-07-01') } } }''').decode(b'').data)"
    )
    told = {
        zone: subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "TZ": zone},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for zone in ("UTC", "Europe/Paris", "America/New_York")
    }
    assert len(set(told.values())) == 1, told
    assert "'h': 12" in told["UTC"]
    assert "'t': '2026-07-01T12:00:00.000Z'" in told["UTC"]


def test_chance_is_the_same_every_time() -> None:
    """Two calls with one input say the same, also of a codec that throws dice."""
    codec = Codec(body("return { data: { a: Math.random(), b: Math.random() } }"))
    first, second = codec.decode(b"\1").data, codec.decode(b"\1").data
    assert first == second
    assert first["a"] != first["b"]


def test_what_reaches_outside_is_not_there() -> None:
    """No module loader, timer, network, file, shared memory or clock of the machine."""
    names = "require process setTimeout setInterval fetch XMLHttpRequest Atomics SharedArrayBuffer performance std os"
    code = "return { data: { " + ", ".join(f"{name}: typeof {name}" for name in names.split()) + " } }"
    assert said(body(code)) == dict.fromkeys(names.split(), "undefined")


def test_variables_and_context_are_handed_over() -> None:
    """A codec finds its variables; a driver of Actility finds and changes what it keeps of its device."""
    assert said(body("return { data: input.variables }"), variables={"ratio": "50"}) == {"ratio": "50"}
    driver = Codec(body("context.push(input.bytes[0]); return { data: { n: context.length } }"))
    result = driver.decode(b"\x07", context=[1, 2])
    assert (result.data, result.context) == ({"n": 3}, [1, 2, 7])
    assert driver.decode(b"\x07").data == {"n": 1}
    assert said(body("return { data: { key: input.thing.setup.DEK } }"), variables={"DEK": "00ff"}) == {"key": "00ff"}


def test_console_is_kept_up_to_a_limit() -> None:
    """What a codec writes to its console comes with the result, at most fifty lines of three hundred characters."""
    result = Codec(
        body("for (var i = 0; i < 99; i++) console.log('x'.repeat(999), { i }); return { data: {} }")
    ).decode(b"")
    assert (len(result.log), max(map(len, result.log))) == (50, 300)
    assert Codec(body("console.warn('hot', 21.5); return { data: {} }")).decode(b"").log == ("hot 21.5",)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("\n\nreturn input.nothing.deep", "codec.js:3: TypeError: "),
        ("throw new Error('bad length')", "codec.js:1: Error: bad length"),
        ("throw 'bad length'", "codec.js: bad length"),
        ("return { errors: ['bad length', 'bad port'] }", "codec.js: bad length"),
        ("return { errors: 'bad length' }", "codec.js: bad length"),
        ("return null", "codec.js: the codec gives null and no object"),
        ("return { data: 7 }", "codec.js: the codec gives 7 and no object"),
        ("", "codec.js: the codec gives "),
        ("return Promise.resolve({ data: {} })", "codec.js: an async codec gives no answer"),
        ("return { data: { get t() { throw new Error('late') } } }", "codec.js:1: Error: late"),
        ("const a = {}; a.a = a; return { data: a }", "TypeError: circular reference"),
    ],
)
def test_an_error_names_codec_line_and_input(code: str, expected: str) -> None:
    """Whatever goes wrong is an error that tells the script, its line where it has one, the payload and the port."""
    result = Codec(body(code)).decode(b"\xff\x10", f_port=3)
    assert expected in result.errors[0]
    assert result.errors[0].endswith("(payload ff10, port 3)")


def test_data_is_as_json_has_it() -> None:
    """Dates are texts, big integers numbers or texts, what is no number null, what is undefined absent."""
    code = "return { data: { d: new Date(0), b: 2n ** 40n, huge: 2n ** 80n, n: NaN, u: undefined, z: -0 } }"
    assert said(body(code)) == {
        "d": "1970-01-01T00:00:00.000Z",
        "b": 2**40,
        "huge": str(2**80),
        "n": None,
        "z": 0,
    }


def test_warnings_come_with_the_values() -> None:
    """Warnings are kept; an answer without `data` is taken as it is, with a warning."""
    result = Codec(body("return { data: { t: 1 }, warnings: ['low battery'] }")).decode(b"")
    assert (result.data, result.warnings, result.errors) == ({"t": 1}, ("low battery",), ())
    bare = Codec(body("return { t: 1 }")).decode(b"")
    assert bare.data == {"t": 1}
    assert "no `data`" in bare.warnings[0]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("function decodeUplink( {", "codec.js:1: SyntaxError"),
        ("\n\nnothing.here()\nfunction decodeUplink() {}", "codec.js:3: ReferenceError: nothing is not defined"),
        ("var a = 1", "no function decodeUplink"),
        ("while (true) {}", "interrupted"),
        ("const fs = require('fs')", "require is not defined"),
        ("const c = require('crypto'), f = require('fs')", "Cannot find module 'fs'"),
    ],
)
def test_a_script_that_cannot_be_used_says_why(source: str, expected: str) -> None:
    """A script that does not load, has nothing to call or asks for more than there is is refused, with its line."""
    with pytest.raises(ConfigError, match=r"codec\.js") as problem:
        Codec(source)
    assert expected in str(problem.value)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("while (true) {}", "stopped after 50 ms"),
        ("while (true) { try { while (true) {} } catch (e) {} }", "stopped after 50 ms"),
        ("/^(a+)+$/.test('a'.repeat(40) + 'b')", "stopped after 50 ms"),
        ("const a = []; while (true) a.push(new Uint8Array(100000))", "out of memory"),
        ("(function deep() { deep() })()", "Maximum call stack"),
        ("return { data: { a: 'x'.repeat(300000) } }", "longer than 64 kB"),
    ],
)
def test_what_takes_too_much_is_stopped_and_the_next_frame_decodes(code: str, expected: str) -> None:
    """Time, memory, stack and size have limits; afterwards the codec answers as before."""
    codec = Codec(
        "function decodeUplink(input) { if (input.bytes[0] === 0) return { data: { ok: true } };" + code + "}"
    )
    result = codec.decode(b"\x01")
    assert expected in result.errors[0]
    assert codec.decode(b"\x00").data == {"ok": True}


def test_a_bad_frame_costs_no_other_its_values() -> None:
    """In a batch the frame that is stopped has an error, and all others their values."""
    codec = Codec(body("if (input.bytes[0] === 5) while (true) {} return { data: { n: input.bytes[0] } }"))
    results = codec.run("uplink", [Call([n]) for n in range(20)])
    assert [one.data["n"] if one.data else None for one in results] == [*range(5), None, *range(6, 20)]
    assert results[5].stopped


def test_limits_are_given() -> None:
    """Somebody who needs more may give more."""
    code = body("let sum = 0; for (let i = 0; i < 3e6; i++) sum += i; return { data: { sum } }")
    assert Codec(code, limits=Limits(frame_s=0.001)).decode(b"").stopped
    assert Codec(code, limits=Limits(frame_s=20)).decode(b"").data == {"sum": sum(range(3_000_000))}


def test_a_codec_that_remembers_is_found_out() -> None:
    """A codec whose answers depend on what it was asked before is not steady, but is in fresh realms."""
    source = "var n = 0;" + body("n += input.bytes[0]; return { data: { n } }")
    probes = [Call([1]), Call([2])]
    assert not Codec(source).steady(probes)
    assert Codec(body("return { data: { n: input.bytes[0] } }")).steady(probes)
    fresh = Codec(source, fresh=True)
    assert [fresh.decode(b"\x02").data for _ in range(3)] == [{"n": 2}] * 3


def test_realms_are_apart() -> None:
    """What one codec does to the language, another does not see."""
    Codec("Array.prototype.extra = 1; JSON.stringify = 0; Object.prototype.x = 1;" + body("return {}")).decode(b"")
    assert said(body("const k = []; for (const i in input.bytes) k.push(i); return { data: { k } }")) == {
        "k": ["0", "1"]
    }


@pytest.mark.parametrize(
    "spoil",
    [
        "Array.prototype.join = () => 'x'",
        "JSON.stringify = () => '[7'",
        "Array.prototype[Symbol.iterator] = function* () {}",
        "Array.prototype.map = () => []",
        "Object.prototype.toJSON = () => 7",
        "Array.prototype.push = () => { throw 1 }",
        "globalThis.Date = null; globalThis.module = null; globalThis.exports = null",
        "Object.defineProperty(Array.prototype, '0', { get() { throw 1 }, set() {} })",
        "String.prototype.matchAll = () => { throw 1 }; Error.prototype.toString = null",
    ],
)
def test_a_codec_spoils_nothing_but_its_own_answers(spoil: str) -> None:
    """Whatever a script does to the language around it, each call has a result, an error at worst."""
    try:
        codec = Codec(f"{spoil};" + body("return { data: { n: input.bytes[0] } }"))
    except ConfigError:
        return  # it cannot be used, and that is said
    results = codec.run("uplink", [Call([n], 1) for n in range(3)])
    assert len(results) == 3
    assert all(one.errors or isinstance(one.data, dict | list) for one in results), results


def test_downlinks_are_written_and_read() -> None:
    """encodeDownlink, Encode and Encoder give bytes and port; decodeDownlink reads them again."""
    source = body("return { data: {} }") + (
        "function encodeDownlink(input) { return { bytes: [input.data.dim], fPort: 9 } }"
        "function decodeDownlink(input) { return { data: { dim: input.bytes[0], port: input.fPort } } }"
    )
    codec = Codec(source)
    assert codec.encode_downlink({"dim": 50}).data == {"bytes": [50], "fPort": 9}
    assert codec.decode_downlink(b"\x32", f_port=9).data == {"dim": 50, "port": 9}
    old = Codec("function Decoder() { return {} } function Encoder(o, port) { return [o.dim] }")
    assert old.encode_downlink({"dim": 1}, f_port=3).data == {"bytes": [1], "fPort": 3}
    text = Codec(body("return {}") + "function encodeDownlink(input) { return { bytes: [1], port: '100' } }")
    assert text.encode_downlink({}).data == {"bytes": [1], "fPort": 100}
    assert "no encodeDownlink" in Codec(body("return {}")).encode_downlink({}).errors[0]


BUFFER = """
const b = Buffer.from(input.bytes), hex = (bytes) => Buffer.from(bytes).toString('hex');
const written = Buffer.alloc(4), shared = Buffer.from([1, 2]);
written.writeInt16LE(-2, 1);
shared.slice(0, 1)[0] = 7;
return { data: {
  hex: b.toString('hex'), upper: b.readUInt16BE(0), lower: b.readUInt16LE(0), signed: b.readInt8(2),
  float: Buffer.from('41ac0000', 'hex').readFloatBE(0), wide: b.readUIntBE(0, 3), little: b.readIntLE(0, 3),
  big: String(Buffer.alloc(8, 1).readBigUInt64LE()), base64: b.toString('base64'),
  back: Buffer.from('AQL/', 'base64').equals(b), text: Buffer.from('é€😀').toString('hex'),
  utf8: Buffer.from('c3a9e282ac', 'hex').toString(), slice: b.slice(1).toString('hex'), json: JSON.stringify(b),
  joined: Buffer.concat([b, Buffer.from([9])]).length, is: Buffer.isBuffer(b), index: b.indexOf(2),
  ascii: Buffer.from('Hi').toString('ascii'), old: new Buffer('0a', 'hex')[0], written: hex(written),
  shared: shared[0], copy: hex(Buffer.from(b).reverse()), swapped: hex(Buffer.from([1, 2]).swap16()),
} }
"""


def test_buffer_reads_and_writes_as_in_node() -> None:
    """Buffer's reading, writing and encodings give what Node.js gives (values from Node.js 20)."""
    assert said(body(BUFFER), b"\x01\x02\xff") == {
        "hex": "0102ff",
        "upper": 258,
        "lower": 513,
        "signed": -1,
        "float": 21.5,
        "wide": 66303,
        "big": "72340172838076673",
        "base64": "AQL/",
        "back": True,
        "text": "c3a9e282acf09f9880",
        "utf8": "é€",
        "slice": "02ff",
        "json": '{"type":"Buffer","data":[1,2,255]}',
        "joined": 4,
        "is": True,
        "ascii": "Hi",
        "old": 10,
        "written": "00feff00",
        "shared": 7,
        "index": 1,
        "little": -65023,
        "copy": "ff0201",
        "swapped": "0201",
    }


def test_reading_behind_the_end_of_a_buffer_is_an_error() -> None:
    """As in Node.js: a RangeError, not a wrong number."""
    result = Codec(body("return { data: { n: Buffer.from(input.bytes).readUInt32BE(0) } }")).decode(b"\1\2")
    assert "RangeError" in result.errors[0]


# NIST SP 800-38A, appendix F: AES-128, AES-192 and AES-256 in ECB, CBC and CTR; the first two blocks.
PLAIN = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
KEYS = {
    128: "2b7e151628aed2a6abf7158809cf4f3c",
    192: "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
    256: "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
}
IVS = {"ecb": "", "cbc": "000102030405060708090a0b0c0d0e0f", "ctr": "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"}
CIPHERS = {
    (128, "ecb"): "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf",
    (192, "ecb"): "bd334f1d6e45f25ff712a214571fa5cc974104846d0ad3ad7734ecb3ecee4eef",
    (256, "ecb"): "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870",
    (128, "cbc"): "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2",
    (192, "cbc"): "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a",
    (256, "cbc"): "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d",
    (128, "ctr"): "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff",
    (192, "ctr"): "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e94",
    (256, "ctr"): "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5",
}


@pytest.mark.parametrize(("bits", "mode"), CIPHERS)
def test_aes_is_that_of_the_standard(bits: int, mode: str) -> None:
    """A codec that asks for crypto encrypts and decrypts as NIST's examples do."""
    source = "const crypto = require('crypto');" + body(
        f"""
        const key = Buffer.from('{KEYS[bits]}', 'hex'), iv = Buffer.from('{IVS[mode]}', 'hex');
        const to = crypto.createCipheriv('aes-{bits}-{mode}', key, iv).setAutoPadding(false);
        const from = crypto.createDecipheriv('aes-{bits}-{mode}', key, iv).setAutoPadding(false);
        const sent = to.update('{PLAIN}', 'hex', 'hex') + to.final('hex');
        return {{ data: {{ sent, read: from.update(sent, 'hex', 'hex') + from.final('hex') }} }}
        """
    )
    assert said(source) == {"sent": CIPHERS[bits, mode], "read": PLAIN}


CCM = """
const crypto = require('crypto');
function decodeUplink(input) {
  const key = Buffer.from('404142434445464748494a4b4c4d4e4f', 'hex');
  const nonce = Buffer.from('101112131415161718191a1b', 'hex');
  const from = crypto.createDecipheriv('aes-128-ccm', key, nonce, { authTagLength: 8 });
  from.setAuthTag(Buffer.from(input.bytes.slice(-8)));
  from.setAAD(Buffer.from('000102030405060708090a0b0c0d0e0f10111213', 'hex'), { plaintextLength: 24 });
  const read = from.update(Buffer.from(input.bytes.slice(0, -8)), null, 'hex') + from.final('hex');
  const to = crypto.createCipheriv('aes-128-ccm', key, nonce, { authTagLength: 8 });
  to.setAAD(Buffer.from('000102030405060708090a0b0c0d0e0f10111213', 'hex'), { plaintextLength: 24 });
  return { data: { read, sent: to.update(read, 'hex', 'hex') + to.getAuthTag().toString('hex') } };
}
"""


def test_sealed_payloads_are_opened_and_forged_ones_refused() -> None:
    """AES-CCM is that of NIST SP 800-38C, example 3; a byte changed on the way is an error."""
    sent = bytes.fromhex("e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951")
    codec = Codec(CCM)
    assert codec.decode(sent).data == {"read": bytes(range(0x20, 0x38)).hex(), "sent": sent.hex()}
    assert "unable to authenticate" in codec.decode(b"\0" + sent[1:]).errors[0]


def test_halves_of_surrogate_pairs_are_replaced() -> None:
    """What UTF-16 text of a device, or a cut emoji, leaves behind costs no frame its values."""
    said = "{ a: '\\ud800', b: '\\\\ud800', c: '\\\\\\\\' + '\\udfff', d: '\\ud83d\\ude00' }"
    code = f"return {{ data: {said}, warnings: ['\\udc00'] }}"
    result = Codec(body(code)).decode(b"")
    assert result.data == {"a": "\ufffd", "b": "\\ud800", "c": "\\\\\ufffd", "d": "\U0001f600"}
    assert result.warnings == ("\ufffd",)


def test_a_script_with_nul_is_refused() -> None:
    """It is no text, and that is said."""
    with pytest.raises(ConfigError, match="NUL"):
        Codec("function decodeUplink() {}\0")
