function decodeUplink(input) {
  return { data: { open: (input.bytes[0] & 1) === 1, openings: { count: input.bytes[1] } } };
}
function encodeDownlink(input) {
  return { bytes: [input.data.beep ? 1 : 0] };
}
