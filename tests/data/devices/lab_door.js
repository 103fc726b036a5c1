// A door contact in the style of The Things Network v2: sloppy, and with Buffer.
function Decoder(bytes, port) {
  count = Buffer.from(bytes).readUInt16BE(1);
  if (bytes[0] > 1) throw new Error("no such state: " + bytes[0]);
  return { readings: [{ variable: "open", value: bytes[0] === 1 ? "open" : "closed" }, { variable: "opened", value: count }] };
}
