function Decoder(bytes, port) {
  return { energy_Wh: bytes.reduce(function (sum, byte) { return sum * 256 + byte; }, 0), port: port };
}
function Encoder(data, port) {
  return [data.reset ? 1 : 0];
}
