// `Buffer` as codecs know it from Node.js: the part that reads and writes bytes. Evaluated only for sources that name it.
// What each method does is told by the Node.js documentation of `buffer`; encodings are those that payloads use.
(function () {
  "use strict";
  const HEX = "0123456789abcdef";
  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const VALUES = new Map([...ALPHABET].map((sign, value) => [sign, value]));
  VALUES.set("-", 62).set("_", 63);

  const fromHex = (text) => {
    const bytes = [];
    for (let at = 0; at + 1 < text.length; at += 2) {
      const byte = Number.parseInt(text.slice(at, at + 2), 16);
      if (!/^[0-9a-f]{2}$/i.test(text.slice(at, at + 2))) break;
      bytes.push(byte);
    }
    return bytes;
  };
  const toHex = (bytes) => {
    let text = "";
    for (const byte of bytes) text += HEX[byte >> 4] + HEX[byte & 15];
    return text;
  };
  const fromBase64 = (text) => {
    const bytes = [];
    let bits = 0, held = 0;
    for (const sign of text) {
      const value = VALUES.get(sign);
      if (value === undefined) continue;
      held = ((held << 6) | value) & 0xffffff;
      bits += 6;
      if (bits >= 8) bytes.push((held >> (bits -= 8)) & 255);
    }
    return bytes;
  };
  const toBase64 = (bytes, url) => {
    let text = "";
    for (let at = 0; at < bytes.length; at += 3) {
      const left = bytes.length - at;
      const three = (bytes[at] << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
      text += ALPHABET[three >> 18] + ALPHABET[(three >> 12) & 63];
      text += left > 1 ? ALPHABET[(three >> 6) & 63] : "=";
      text += left > 2 ? ALPHABET[three & 63] : "=";
    }
    return url ? text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "") : text;
  };
  const fromUtf8 = (text) => {
    const bytes = [];
    for (const sign of String(text)) {
      let code = sign.codePointAt(0);
      if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
      if (code < 0x80) bytes.push(code);
      else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
      else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
      else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    }
    return bytes;
  };
  const toUtf8 = (bytes) => {
    let text = "";
    for (let at = 0; at < bytes.length; ) {
      const first = bytes[at++];
      if (first < 0x80) {
        text += String.fromCharCode(first);
        continue;
      }
      const more = first >= 0xf0 && first < 0xf5 ? 3 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xc2 && first < 0xe0 ? 1 : 0;
      let code = more === 0 ? -1 : first & (0x3f >> more);
      let seen = 0;
      while (seen < more && (bytes[at + seen] & 0xc0) === 0x80) code = (code << 6) | (bytes[at + seen++] & 63);
      const whole = more > 0 && seen === more && code >= [0, 0x80, 0x800, 0x10000][more] && code < 0x110000 && (code < 0xd800 || code > 0xdfff);
      at += whole ? more : 0;
      text += whole ? String.fromCodePoint(code) : "\ufffd";
    }
    return text;
  };
  const codes = (text, mask) => Array.from({ length: text.length }, (_, at) => text.charCodeAt(at) & mask);
  const utf16 = (text) => codes(text, 0xffff).flatMap((code) => [code & 255, code >> 8]);
  const single = (bytes, mask) => {
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte & mask);
    return text;
  };
  const fromUtf16 = (bytes) => {
    let text = "";
    for (let at = 0; at + 1 < bytes.length; at += 2) text += String.fromCharCode(bytes[at] | (bytes[at + 1] << 8));
    return text;
  };
  const ENCODINGS = {
    hex: [fromHex, toHex],
    base64: [fromBase64, (bytes) => toBase64(bytes, false)],
    base64url: [fromBase64, (bytes) => toBase64(bytes, true)],
    utf8: [fromUtf8, toUtf8],
    ascii: [(text) => codes(text, 0xff), (bytes) => single(bytes, 0x7f)],
    latin1: [(text) => codes(text, 0xff), (bytes) => single(bytes, 0xff)],
    utf16le: [utf16, fromUtf16],
  };
  const ALIASES = { "utf-8": "utf8", binary: "latin1", ucs2: "utf16le", "ucs-2": "utf16le", "utf-16le": "utf16le" };
  const named = (encoding) => {
    const name = String(encoding ?? "utf8").toLowerCase();
    const known = ENCODINGS[ALIASES[name] ?? name];
    if (known === undefined) throw new TypeError(`Unknown encoding: ${encoding}`);
    return known;
  };
  const outside = (offset) => {
    const error = new RangeError(`The value of "offset" is out of range. Received ${offset}`);
    error.code = "ERR_OUT_OF_RANGE";
    return error;
  };

  class Buffer extends Uint8Array {
    static from(value, encoding, length) {
      if (typeof value === "string") return Buffer.over(named(encoding)[0](value));
      if (value instanceof ArrayBuffer) return new Buffer(value, encoding ?? 0, length);
      if (value !== null && typeof value === "object" && value.type === "Buffer") return Buffer.over(value.data);
      if (value === null || typeof value !== "object")
        throw new TypeError("The first argument must be of type string or an instance of Buffer, ArrayBuffer, or Array");
      return Buffer.over(Array.from(value));
    }
    static over(values) {
      const made = new Buffer(values.length);
      for (let at = 0; at < values.length; at++) made[at] = values[at];
      return made;
    }
    static of(...values) {
      return Buffer.over(values);
    }
    static alloc(size, fill, encoding) {
      const made = new Buffer(size);
      return fill === undefined ? made : made.fill(fill, 0, size, encoding);
    }
    static allocUnsafe(size) {
      return new Buffer(size);
    }
    static allocUnsafeSlow(size) {
      return new Buffer(size);
    }
    static isBuffer(value) {
      return value instanceof Buffer;
    }
    static isEncoding(encoding) {
      const name = String(encoding).toLowerCase();
      return (ALIASES[name] ?? name) in ENCODINGS;
    }
    static byteLength(value, encoding) {
      return typeof value === "string" ? named(encoding)[0](value).length : value.byteLength;
    }
    static concat(list, length) {
      const total = length ?? list.reduce((sum, one) => sum + one.length, 0);
      const made = new Buffer(total);
      let at = 0;
      for (const one of list) for (const byte of one) if (at < total) made[at++] = byte;
      return made;
    }
    static compare(one, other) {
      return Buffer.prototype.compare.call(one, other);
    }
    get parent() {
      return this.buffer;
    }
    slice(start, end) {
      return this.subarray(start, end); // shares its memory, other than that of Uint8Array
    }
    toString(encoding, start, end) {
      const from = Math.max(0, start ?? 0), to = Math.min(this.length, end ?? this.length);
      return to <= from ? "" : named(encoding)[1](from === 0 && to === this.length ? this : this.subarray(from, to));
    }
    toLocaleString(encoding, start, end) {
      return this.toString(encoding, start, end);
    }
    toJSON() {
      return { type: "Buffer", data: Array.from(this) };
    }
    write(text, offset, length, encoding) {
      if (typeof offset === "string") [offset, length, encoding] = [0, undefined, offset];
      else if (typeof length === "string") [length, encoding] = [undefined, length];
      const from = offset ?? 0;
      const bytes = named(encoding)[0](text).slice(0, Math.min(length ?? Infinity, this.length - from));
      for (let at = 0; at < bytes.length; at++) this[from + at] = bytes[at];
      return bytes.length;
    }
    fill(value, start, end, encoding) {
      if (typeof value !== "string") return super.fill(value, start, end);
      const bytes = named(encoding)[0](value);
      const to = end ?? this.length;
      for (let at = start ?? 0; at < to; at++) this[at] = bytes.length ? bytes[(at - (start ?? 0)) % bytes.length] : 0;
      return this;
    }
    equals(other) {
      return this.compare(other) === 0;
    }
    compare(other) {
      const shorter = Math.min(this.length, other.length);
      for (let at = 0; at < shorter; at++) if (this[at] !== other[at]) return this[at] < other[at] ? -1 : 1;
      return Math.sign(this.length - other.length);
    }
    copy(target, targetStart, start, end) {
      const part = this.subarray(start ?? 0, end ?? this.length);
      const count = Math.min(part.length, target.length - (targetStart ?? 0));
      target.set(part.subarray(0, Math.max(0, count)), targetStart ?? 0);
      return Math.max(0, count);
    }
    indexOf(value, start, encoding) {
      if (typeof value === "number") return super.indexOf(value & 255, start ?? 0);
      const wanted = typeof value === "string" ? named(encoding)[0](value) : value;
      for (let at = start ?? 0; at + wanted.length <= this.length; at++) {
        let same = 0;
        while (same < wanted.length && this[at + same] === wanted[same]) same++;
        if (same === wanted.length) return at;
      }
      return -1;
    }
    includes(value, start, encoding) {
      return this.indexOf(value, start, encoding) !== -1;
    }
    swap16() {
      return this.swap(2);
    }
    swap32() {
      return this.swap(4);
    }
    swap64() {
      return this.swap(8);
    }
    swap(size) {
      if (this.length % size) throw new RangeError(`Buffer size must be a multiple of ${size * 8}-bits`);
      for (let at = 0; at < this.length; at += size) this.subarray(at, at + size).reverse();
      return this;
    }
    readUIntBE(offset, count) {
      this.within(offset, count);
      let value = 0;
      for (let at = 0; at < count; at++) value = value * 256 + this[offset + at];
      return value;
    }
    readUIntLE(offset, count) {
      this.within(offset, count);
      let value = 0;
      for (let at = count - 1; at >= 0; at--) value = value * 256 + this[offset + at];
      return value;
    }
    readIntBE(offset, count) {
      const value = this.readUIntBE(offset, count);
      return value >= 2 ** (8 * count - 1) ? value - 2 ** (8 * count) : value;
    }
    readIntLE(offset, count) {
      const value = this.readUIntLE(offset, count);
      return value >= 2 ** (8 * count - 1) ? value - 2 ** (8 * count) : value;
    }
    writeUIntBE(value, offset, count) {
      return this.put(value, offset, count, (at) => count - 1 - at);
    }
    writeUIntLE(value, offset, count) {
      return this.put(value, offset, count, (at) => at);
    }
    put(value, offset, count, place) {
      this.within(offset, count);
      let rest = value < 0 ? value + 2 ** (8 * count) : value;
      for (let at = 0; at < count; at++) {
        this[offset + place(at)] = rest % 256;
        rest = Math.floor(rest / 256);
      }
      return offset + count;
    }
    within(offset, count) {
      if (!Number.isInteger(offset) || offset < 0 || offset + count > this.length) throw outside(offset);
    }
  }
  const hide = (holder, name, value) =>
    Object.defineProperty(holder, name, { value, writable: true, configurable: true, enumerable: false });
  hide(Buffer.prototype, "writeIntBE", Buffer.prototype.writeUIntBE);
  hide(Buffer.prototype, "writeIntLE", Buffer.prototype.writeUIntLE);
  const VIEWS = { Int8: 1, UInt8: 1, Int16: 2, UInt16: 2, Int32: 4, UInt32: 4, BigInt64: 8, BigUInt64: 8, Float: 4, Double: 8 };
  const METHODS = { UInt8: "Uint8", UInt16: "Uint16", UInt32: "Uint32", BigUInt64: "BigUint64", Float: "Float32", Double: "Float64" };
  for (const [name, size] of Object.entries(VIEWS))
    for (const end of size === 1 ? [""] : ["BE", "LE"]) {
      const method = METHODS[name] ?? name;
      const [get, set] = [DataView.prototype[`get${method}`], DataView.prototype[`set${method}`]];
      const read = function (offset = 0) {
        this.within(offset, size);
        return get.call(new DataView(this.buffer, this.byteOffset, this.length), offset, end === "LE");
      };
      const write = function (value, offset = 0) {
        this.within(offset, size);
        set.call(new DataView(this.buffer, this.byteOffset, this.length), offset, value, end === "LE");
        return offset + size;
      };
      hide(Buffer.prototype, `read${name}${end}`, read);
      hide(Buffer.prototype, `write${name}${end}`, write);
      if (name.includes("UInt")) {
        hide(Buffer.prototype, `read${name.replace("UInt", "Uint")}${end}`, read);
        hide(Buffer.prototype, `write${name.replace("UInt", "Uint")}${end}`, write);
      }
    }
  const made = new Proxy(Buffer, { // codecs of old say Buffer(…) and new Buffer(…)
    construct: (target, given, called) =>
      called !== made || typeof given[0] === "number" || given[0] instanceof ArrayBuffer
        ? Reflect.construct(target, given, called === made ? target : called)
        : target.from(...given),
    apply: (target, _, given) => (typeof given[0] === "number" ? new target(given[0]) : target.from(...given)),
  });
  hide(Buffer.prototype, "constructor", made);
  hide(globalThis, "Buffer", made);
})();
