function decodeUplink(input) {
  var b = input.bytes;
  if (input.fPort !== 1) return { errors: ["no such port: " + input.fPort] };
  raw = ((b[0] << 8) | b[1]) << 16 >> 16; // undeclared: only a sloppy script may
  var data = {
    soil: { temperature: raw / 100, moisture: b[2] / 2 },
    battery_mV: (b[3] << 8) | b[4],
    heater: b[5] ? "on" : "off",
  };
  return { data: data, warnings: raw < 0 ? ["frost"] : [] };
}
function encodeDownlink(input) {
  return { bytes: [input.data.minutes], fPort: 2 };
}
function decodeDownlink(input) {
  return { data: { minutes: input.bytes[0] } };
}
