function Decode(fPort, bytes) {
  return { fill: bytes[0], tilt: bytes[1] === 1 };
}
