"""Scripts that do harm, for whoever runs makers' codecs: the body of ``decodeUplink`` by what it does."""

HOSTILE = {
    "endless loop": "while (true) {}",
    "loop that catches": "while (true) { try { while (true) {} } catch (e) {} }",
    "generator": "function* g() { while (1) yield 1 } for (const x of g());",
    "toString loop": "const o = { toString() { while (1) {} } }; `${o}`",
    "big numbers": "let b = 2n; while (1) b = b * b",
    "recursion": "(function r() { r() })()",
    "deep JSON": "JSON.parse('['.repeat(1e6))",
    "growing list": "const a = []; while (1) a.push(new Uint8Array(100000))",
    "growing text": "let s = 'x'; while (1) s += s",
    "typed arrays": "const a = []; while (1) a.push(new Float64Array(1e6))",
    "fill": "new Array(1e9).fill(0)",
    "catastrophic regex": "/^(a+)+$/.test('a'.repeat(40) + 'b')",
    "join": "new Array(2e8).join()",
    "includes without end": "Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1)",
    "reverse without end": "Array.prototype.reverse.call({ length: 2 ** 53 - 1 })",
    "promise that asks for itself": "(function p() { Promise.resolve().then(p) })()",
    "sort of nothing": "const a = []; a.length = 2 ** 32 - 1; a.sort()",
    "concat without end": "Array.prototype.concat.call({ length: 2 ** 53 - 1, [Symbol.isConcatSpreadable]: true })",
    "copyWithin without end": "Array.prototype.copyWithin.call({ length: 2 ** 53 - 1 }, 0, 1)",
    "replaceAll": "'a'.repeat(1e6).replaceAll('a', 'b'.repeat(1e6))",
    "waiting for memory": "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)",
    "toJSON loop": "Object.prototype.toJSON = function () { while (1) {} }",
    "huge answer": "return { data: { a: 'x'.repeat(1e7) } }",
    "proxy": "return { data: new Proxy({}, { ownKeys() { while (1) {} } }) }",
    "getter": "return { get data() { while (1) {} } }",
    "circle": "const o = {}; o.o = o; return { data: o }",
    "many keys": "Object.keys(new Uint8Array(1e9))",
    "console flood": "while (1) console.log('x'.repeat(1e6))",
}


def body(code: str) -> str:
    """Return the script."""
    return "function decodeUplink(i) {" + code + "; return { data: {} } }"
