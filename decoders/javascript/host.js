// What a codec finds around it, and how it is called. Evaluated before the codec; the value is `host(what, argument)`,
// which only the outside holds. A codec can spoil its own realm only: what `host` needs is taken before it runs.
(function penfeld_host() {
  "use strict";
  const { stringify, parse } = JSON;
  const NativeDate = Date;
  const { construct, apply, defineProperty } = Reflect;
  const { isArray } = Array;
  const { assign } = Object;
  const { join } = Array.prototype; // the engine's door takes no text that is put together by +
  const MOST_LINES = 50, LONGEST_LINE = 300, LONGEST_ANSWER = 65536;

  // The clock is the frame's: a frame decoded again next year gives what it gave today.
  let now = 0, seed = 1, lines = [];
  const prototype = NativeDate.prototype;
  const zoned = /(?:Z|UTC|GMT|[+-]\d\d:?\d\d)\s*(?:\(.*\))?\s*$/i;
  const dateOnly = /^\s*\d{4}(?:-\d\d){0,2}\s*$/;
  const elsewhere = [0, 6].some((month) => new NativeDate(2024, month, 1).getTimezoneOffset() !== 0);
  const read = (text) => {
    const time = NativeDate.parse(text);
    const local = elsewhere && !zoned.test(text) && !dateOnly.test(text);
    return local ? time - offset(time) * 60000 : time;
  };
  const nativeOffset = prototype.getTimezoneOffset;
  const offset = (time) => nativeOffset.call(new NativeDate(time));
  const parts = (given) => {
    if (given.length === 0) return [now];
    if (given.length === 1) return typeof given[0] === "string" ? [read(given[0])] : given;
    return elsewhere ? [apply(NativeDate.UTC, undefined, given)] : given;
  };
  const FrameDate = function Date(...given) {
    if (new.target === undefined) return new NativeDate(now).toString();
    return construct(NativeDate, parts(given), new.target);
  };
  FrameDate.prototype = prototype;
  defineProperty(prototype, "constructor", { value: FrameDate, writable: true, configurable: true });
  for (const [name, value] of [["now", () => now], ["parse", read], ["UTC", NativeDate.UTC]])
    defineProperty(FrameDate, name, { value, writable: true, configurable: true });
  if (elsewhere) {
    for (const part of ["FullYear", "Month", "Date", "Day", "Hours", "Minutes", "Seconds", "Milliseconds"])
      for (const way of part === "Day" ? ["get"] : ["get", "set"]) prototype[way + part] = prototype[way + "UTC" + part];
    prototype.getTimezoneOffset = () => 0;
  }
  const set = (name, value) =>
    defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  set("Date", FrameDate);

  // Chance is the same for every call.
  Math.random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 4294967296;
  };

  // Nothing that waits, measures time or outlives a call.
  for (const name of ["Atomics", "SharedArrayBuffer", "performance", "queueMicrotask", "WeakRef", "FinalizationRegistry"])
    delete globalThis[name];

  const shown = (value) => {
    try {
      return typeof value === "string" ? value : value instanceof Error ? String(value) : stringify(value) ?? String(value);
    } catch {
      return "(cannot be shown)";
    }
  };
  const say = (...values) => {
    if (lines.length < MOST_LINES) lines.push(values.map(shown).join(" ").slice(0, LONGEST_LINE));
  };
  const quiet = () => undefined;
  const console = { log: say, info: say, debug: say, warn: say, error: say, trace: say, dir: say, table: say };
  for (const name of ["assert", "clear", "count", "group", "groupEnd", "time", "timeEnd", "timeLog"]) console[name] = quiet;
  set("console", console);
  const unset = [];
  set("context", unset); // where drivers of Actility keep something of their device
  set("exports", {});
  set("module", { exports: globalThis.exports });

  const big = (_, value) =>
    typeof value !== "bigint" ? value : value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : String(value);
  const asJson = (value) => {
    let text;
    try {
      text = stringify(value);
    } catch (error) {
      if (!(error instanceof TypeError) || !/bigint/i.test(error.message)) throw error;
      text = stringify(value, big);
    }
    if (text.length > LONGEST_ANSWER) throw new Misfit("the answer is longer than 64 kB");
    return text;
  };
  const nothing = Object.freeze([]);
  const texts = (value) =>
    value === undefined || value === null || value === "" ? nothing : isArray(value) ? value.map(shown) : [shown(value)];
  class Misfit { // what is wrong with the codec as a whole, and with no line of it
    constructor(message) {
      this.message = message;
    }
  }
  // Errors name the codec, its line and what it was given. Our own scripts stand 100,000 lines down.
  let name = "codec.js";
  const OURS = 100000, SHOWN = 64;
  const placed = (error) => {
    if (error instanceof Misfit || !(error instanceof Error)) return `${name}: ${error instanceof Misfit ? error.message : shown(error)}`;
    for (const [, line] of String(error.stack ?? "").matchAll(/<input>:(\d+):\d+/g))
      if (line < OURS) return `${name}:${line}: ${error.name}: ${error.message}`;
    return `${name}: ${error.name}: ${error.message}`;
  };
  const about = (said, [given, fPort]) => {
    if (!isArray(given)) return said;
    const hex = given.slice(0, SHOWN).map((byte) => (256 + byte).toString(16).slice(1)).join("");
    const payload = given.length > SHOWN ? `${hex}…` : hex || "empty";
    return `${said} (payload ${payload}${fPort === null || fPort === undefined ? "" : `, port ${fPort}`})`;
  };
  const overstepped = (error) =>
    error instanceof Error && (error.name === "InternalError" || /^Maximum call stack/.test(error.message));

  // The four styles in which makers write codecs, the newest first.
  const found = {};
  let wants = {}; // what of our own a source names: `recvTime`, `context`, `thing`, `time`
  const given = (input, recvTime, more) => {
    if (wants.recvTime) input.recvTime = new NativeDate(recvTime ?? 0); // dates are dear: only for who asks
    if (wants.time) input.time = new NativeDate(recvTime ?? 0);
    if (wants.thing) input.thing = { setup: input.variables }; // how ThingPark hands over what others call variables
    if (more) assign(input, more);
    return input;
  };
  const uplink = (bytes, fPort, recvTime, variables, context, more) => {
    if (found.decodeUplink) {
      const input = given({ bytes, fPort, variables }, recvTime, more);
      if (context) input.context = context;
      return tidy(found.decodeUplink(input, context));
    }
    if (found.Decode) return { data: found.Decode(fPort, bytes, variables) };
    if (found.Decoder) return { data: found.Decoder(bytes, fPort) };
    throw new Misfit("the script has no decodeUplink, Decode or Decoder");
  };
  const tidy = (answer) => {
    if (answer === null || typeof answer !== "object") return { data: answer };
    if (typeof answer.then === "function") throw new Misfit("an async codec gives no answer: take async away");
    if ("data" in answer || "errors" in answer) return answer;
    return { data: answer, warnings: ["the answer has no `data`: taken as it is"] };
  };
  const downlink = (data, fPort, variables, more) => {
    if (found.encodeDownlink) {
      const answer = found.encodeDownlink(given({ data, fPort, variables }, null, more)) ?? {};
      const { bytes, warnings, errors } = answer;
      const port = answer.fPort ?? answer.port ?? fPort;
      const number = typeof port === "string" && port.trim() !== "" ? Number(port) : port;
      return { data: bytes === undefined ? undefined : { bytes, fPort: number }, warnings, errors };
    }
    if (found.Encode) return { data: { bytes: found.Encode(fPort, data, variables), fPort } };
    if (found.Encoder) return { data: { bytes: found.Encoder(data, fPort), fPort } };
    throw new Misfit("the script has no encodeDownlink, Encode or Encoder");
  };
  const back = (bytes, fPort, recvTime, variables, more) => {
    if (!found.decodeDownlink) throw new Misfit("the script has no decodeDownlink");
    return tidy(found.decodeDownlink(given({ bytes, fPort, variables }, recvTime, more)));
  };
  const one = (work, call) => {
    if (lines.length) lines = [];
    seed = 1;
    now = call[2] ?? 0;
    try {
      const answer = work(call);
      const { data } = answer;
      const errors = texts(answer.errors);
      if (errors.length === 0 && (data === null || typeof data !== "object"))
        throw new Misfit(`the codec gives ${shown(data) ?? "nothing"} and no object`);
      const warnings = texts(answer.warnings);
      if (errors.length === 0 && warnings.length === 0 && lines.length === 0 && !call[4]) return `[${asJson(data)}]`;
      return asJson([data ?? null, warnings, errors.map((said) => about(`${name}: ${said}`, call)), lines, call[4] ?? null]);
    } catch (error) {
      return stringify([null, [], [about(placed(error), call)], lines, null, overstepped(error)]);
    }
  };
  const works = {
    uplink: ([bytes, fPort, recvTime, variables, context, more]) => {
      const kept = wants.context ? (globalThis.context = context ?? []) : undefined;
      return uplink(bytes, fPort, recvTime, variables ?? {}, kept, more);
    },
    downlink: ([data, fPort, , variables, , more]) => downlink(data, fPort, variables ?? {}, more),
    back: ([bytes, fPort, recvTime, variables, , more]) => back(bytes, fPort, recvTime, variables ?? {}, more),
  };
  return function penfeld_call(what, argument, called, asked) {
    if (what === "bind") {
      name = called;
      wants = parse(asked);
      wants.context &&= globalThis.context === unset;
      const named = [argument, globalThis.module?.exports, globalThis.exports, argument.driver, argument.codec];
      for (const holder of [...named, globalThis.module?.exports?.driver, globalThis.module?.exports?.default])
        if (holder !== null && (typeof holder === "object" || typeof holder === "function"))
          for (const name of argument.names)
            if (found[name] === undefined && typeof holder[name] === "function") found[name] = holder[name].bind(holder);
      return stringify(argument.names.filter((name) => found[name] !== undefined));
    }
    const work = works[what];
    const calls = parse(argument);
    for (let at = 0; at < calls.length; at++) calls[at] = one(work, calls[at]);
    return apply(join, ["[", apply(join, calls, [","]), "]"], [""]);
  };
})();
