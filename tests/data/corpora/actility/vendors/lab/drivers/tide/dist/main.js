exports.decodeUplink = function (input) {
  const raw = Buffer.from(input.bytes);
  const samples = [
    { variable: "water_level", value: raw.readUInt16BE(0), unit: "mm", date: input.recvTime.toISOString() },
    { variable: "temperature", value: raw.readInt16BE(2) / 10, unit: "Cel", date: input.recvTime.toISOString() },
  ];
  return { data: { samples }, errors: [], warnings: [] };
};
exports.encodeDownlink = function (input) {
  if (!input.data.zero) throw new Error("there is nothing to say");
  return { bytes: [0x5a], fPort: 3, errors: [], warnings: [] };
};
