// A gauge of the tide, as LoRa Alliance TS013 has it. Port 1: now. Port 2: a log, the oldest record first.
function int16(high, low) {
  return ((high << 8) | low) << 16 >> 16;
}

function decodeUplink(input) {
  var bytes = input.bytes;
  if (input.fPort === 1) {
    if (bytes.length < 4) {
      return { errors: ["a report has 4 bytes, this one has " + bytes.length] };
    }
    var result = {
      data: {
        tide: { level_cm: int16(bytes[0], bytes[1]), temperature: bytes[2] / 4 - 10 },
        battery_mV: 2000 + bytes[3] * 10,
        firmware: "2.1"
      }
    };
    if (bytes[3] < 80) {
      result.warnings = ["battery low"];
    }
    return result;
  }
  if (input.fPort === 2) {
    var records = [];
    for (var i = 0; i + 6 <= bytes.length; i += 6) {
      var seconds = ((bytes[i] << 24) | (bytes[i + 1] << 16) | (bytes[i + 2] << 8) | bytes[i + 3]) >>> 0;
      records.push({ at: new Date(seconds * 1000).toISOString(), level_cm: int16(bytes[i + 4], bytes[i + 5]) });
    }
    return { data: { log: records } };
  }
  return { errors: ["unknown FPort " + input.fPort] };
}
