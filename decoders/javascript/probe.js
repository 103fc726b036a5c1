// The functions of a codec, also those that only scripts see (let, const, class); evaluated behind it.
({
  names: ["decodeUplink", "Decode", "Decoder", "encodeDownlink", "Encode", "Encoder", "decodeDownlink"],
  decodeUplink: typeof decodeUplink === "undefined" ? undefined : decodeUplink,
  Decode: typeof Decode === "undefined" ? undefined : Decode,
  Decoder: typeof Decoder === "undefined" ? undefined : Decoder,
  encodeDownlink: typeof encodeDownlink === "undefined" ? undefined : encodeDownlink,
  Encode: typeof Encode === "undefined" ? undefined : Encode,
  Encoder: typeof Encoder === "undefined" ? undefined : Encoder,
  decodeDownlink: typeof decodeDownlink === "undefined" ? undefined : decodeDownlink,
  driver: typeof driver === "undefined" ? undefined : driver,
  codec: typeof codec === "undefined" ? undefined : codec,
});
