// `require("crypto")` as metering codecs use it: AES by key, in the modes ECB, CBC, CTR and CCM; and `require("buffer")`.
// AES is that of FIPS 197, the modes those of NIST SP 800-38A and 38C. Evaluated only for sources that ask for either.
(function () {
  "use strict";
  const double = (byte) => ((byte << 1) ^ (byte & 0x80 ? 0x11b : 0)) & 0xff;
  const times = (byte, factor) => {
    let product = 0;
    for (let power = byte; factor; factor >>= 1, power = double(power)) if (factor & 1) product ^= power;
    return product;
  };
  const SBOX = new Uint8Array(256), INVERSE = new Uint8Array(256);
  for (let value = 0, inverse = 0; value < 256; value++) {
    if (value) for (inverse = 1; times(value, inverse) !== 1; ) inverse++;
    let turned = inverse, mixed = 0x63;
    for (let turn = 0; turn < 5; turn++, turned = ((turned << 1) | (turned >> 7)) & 0xff) mixed ^= turned;
    SBOX[value] = mixed;
    INVERSE[mixed] = value;
  }
  const expand = (key) => {
    const words = key.length / 4, rounds = words + 6, keys = [...key];
    for (let at = key.length, rcon = 1; at < 16 * (rounds + 1); at += 4) {
      let word = keys.slice(at - 4, at);
      const number = at / 4;
      if (number % words === 0) {
        word = [word[1], word[2], word[3], word[0]].map((byte) => SBOX[byte]);
        word[0] ^= rcon;
        rcon = double(rcon);
      } else if (words > 6 && number % words === 4) word = word.map((byte) => SBOX[byte]);
      for (let byte = 0; byte < 4; byte++) keys.push(keys[at - key.length + byte] ^ word[byte]);
    }
    return { rounds, keys };
  };
  const mix = (state, factors) => {
    for (let column = 0; column < 16; column += 4) {
      const old = state.slice(column, column + 4);
      for (let row = 0; row < 4; row++) {
        let sum = 0;
        for (let other = 0; other < 4; other++) sum ^= times(old[other], factors[(other - row + 4) & 3]);
        state[column + row] = sum;
      }
    }
  };
  const add = (state, keys, round) => {
    for (let at = 0; at < 16; at++) state[at] ^= keys[16 * round + at];
  };
  const encrypted = ({ rounds, keys }, block) => {
    let state = [...block];
    add(state, keys, 0);
    for (let round = 1; round <= rounds; round++) {
      state = state.map((_, at) => SBOX[state[(at + 4 * (at & 3)) & 15]]);
      if (round < rounds) mix(state, [2, 3, 1, 1]);
      add(state, keys, round);
    }
    return state;
  };
  const decrypted = ({ rounds, keys }, block) => {
    let state = [...block];
    add(state, keys, rounds);
    for (let round = rounds - 1; round >= 0; round--) {
      state = state.map((_, at) => INVERSE[state[(at - 4 * (at & 3) + 16) & 15]]);
      add(state, keys, round);
      if (round > 0) mix(state, [14, 11, 13, 9]);
    }
    return state;
  };
  const xor = (one, other) => one.map((byte, at) => byte ^ other[at]);
  const count = (counter) => {
    for (let at = 15; at >= 0; at--) if ((counter[at] = (counter[at] + 1) & 0xff) !== 0) break;
  };
  const bytes = (value, encoding) => [...(typeof value === "string" ? Buffer.from(value, encoding ?? "utf8") : value)];

  class Cipher {
    constructor(name, key, iv, forward) {
      const form = /^aes-?(128|192|256)-(ecb|cbc|ctr)$/i.exec(name);
      if (!form) throw new Error(`Unknown cipher: ${name} (there are aes-128, aes-192, aes-256 with ecb, cbc, ctr, ccm)`);
      const given = bytes(key);
      if (given.length * 8 !== Number(form[1])) throw new RangeError("Invalid key length");
      this.mode = form[2].toLowerCase();
      this.last = this.mode === "ecb" ? [] : bytes(iv ?? []);
      if (this.mode !== "ecb" && this.last.length !== 16) throw new TypeError("Invalid initialization vector");
      this.expanded = expand(given);
      this.forward = forward;
      this.padded = this.mode !== "ctr";
      this.held = [];
    }
    setAutoPadding(padded = true) {
      this.padded = padded && this.mode !== "ctr";
      return this;
    }
    update(data, from, to) {
      this.held.push(...bytes(data, from));
      const keep = this.padded && !this.forward ? 1 : 0;
      const done = [];
      while (this.held.length >= 16 + keep) done.push(...this.block(this.held.splice(0, 16)));
      if (this.mode === "ctr" && this.held.length) {
        const rest = this.held.splice(0);
        this.started ??= [];
        done.push(...this.stream(rest));
      }
      return this.told(done, to);
    }
    final(to) {
      if (this.forward && this.padded) {
        const missing = 16 - (this.held.length % 16);
        return this.told(this.block([...this.held, ...Array(missing).fill(missing)]), to);
      }
      if (this.held.length % 16) throw new Error("wrong final block length");
      if (!this.padded || !this.held.length) return this.told([], to);
      const block = this.block(this.held), count = block[15];
      if (count < 1 || count > 16 || block.slice(16 - count).some((byte) => byte !== count)) throw new Error("bad decrypt");
      return this.told(block.slice(0, 16 - count), to);
    }
    block(block) {
      if (this.mode === "ctr") return this.stream(block);
      if (this.mode === "ecb") return this.forward ? encrypted(this.expanded, block) : decrypted(this.expanded, block);
      if (this.forward) return (this.last = encrypted(this.expanded, xor(block, this.last)));
      const plain = xor(decrypted(this.expanded, block), this.last);
      this.last = block;
      return plain;
    }
    stream(data) {
      return data.map((byte) => {
        if (!this.started?.length) {
          this.started = encrypted(this.expanded, this.last);
          count(this.last);
        }
        return byte ^ this.started.shift();
      });
    }
    told(done, encoding) {
      const made = Buffer.from(done);
      return encoding ? made.toString(encoding) : made;
    }
  }
  class Sealed {
    constructor(name, key, nonce, options, forward) {
      this.expanded = expand(bytes(key));
      if (bytes(key).length * 8 !== Number(/\d+/.exec(name)[0])) throw new RangeError("Invalid key length");
      this.nonce = bytes(nonce);
      if (this.nonce.length < 7 || this.nonce.length > 13) throw new TypeError("Invalid initialization vector");
      this.size = options?.authTagLength;
      if (!this.size) throw new TypeError("authTagLength is required for aes-ccm");
      this.forward = forward;
      this.aad = [];
    }
    setAAD(aad) {
      this.aad = bytes(aad);
      return this;
    }
    setAuthTag(tag) {
      this.tag = bytes(tag);
      return this;
    }
    getAuthTag() {
      return Buffer.from(this.tag);
    }
    update(data, from, to) {
      const given = bytes(data, from), wide = 15 - this.nonce.length;
      const block = (number) => {
        const counter = [wide - 1, ...this.nonce, ...Array(wide).fill(0)];
        for (let at = 15; number; number = Math.floor(number / 256)) counter[at--] = number % 256;
        return encrypted(this.expanded, counter);
      };
      const turned = given.map((byte, at) => byte ^ block(1 + (at >> 4))[at & 15]);
      const tag = xor(this.mac(this.forward ? given : turned, wide), block(0)).slice(0, this.size);
      if (this.forward) this.tag = tag;
      else if (!this.tag || this.tag.length !== tag.length || this.tag.some((byte, at) => byte !== tag[at]))
        throw new Error("Unsupported state or unable to authenticate data");
      const made = Buffer.from(turned);
      return to ? made.toString(to) : made;
    }
    mac(plain, wide) {
      const first = [(this.aad.length ? 64 : 0) + 8 * ((this.size - 2) / 2) + wide - 1, ...this.nonce, ...Array(wide).fill(0)];
      for (let at = 15, size = plain.length; size; size = Math.floor(size / 256)) first[at--] = size % 256;
      const padded = (part) => [...part, ...Array((16 - (part.length % 16)) % 16).fill(0)];
      const aad = this.aad.length ? padded([this.aad.length >> 8, this.aad.length & 255, ...this.aad]) : [];
      const all = [...first, ...aad, ...padded(plain)];
      let state = Array(16).fill(0);
      for (let at = 0; at < all.length; at += 16) state = encrypted(this.expanded, xor(all.slice(at, at + 16), state));
      return state;
    }
    final(to) {
      return to ? "" : Buffer.alloc(0);
    }
  }
  const made = (name, key, iv, options, forward) =>
    /^aes-?(128|192|256)-ccm$/i.test(name) ? new Sealed(name, key, iv, options, forward) : new Cipher(name, key, iv, forward);
  const crypto = {
    createCipheriv: (name, key, iv, options) => made(name, key, iv, options, true),
    createDecipheriv: (name, key, iv, options) => made(name, key, iv, options, false),
    getCiphers: () => ["ecb", "cbc", "ctr", "ccm"].flatMap((mode) => [128, 192, 256].map((bits) => `aes-${bits}-${mode}`)),
  };
  const modules = { crypto, buffer: { Buffer } };
  const require = (name) => {
    const known = modules[String(name).replace(/^node:/, "")];
    if (known === undefined) throw new Error(`Cannot find module '${name}': a codec has crypto and buffer, and nothing else`);
    return known;
  };
  Object.defineProperty(globalThis, "require", { value: require, writable: true, configurable: true, enumerable: false });
})();
