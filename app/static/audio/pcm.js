// Samples as they travel: 16-bit PCM, base64 and WAV files, and Float32Arrays to compute with.

export const SAMPLE_RATE = 16000; // samples a second, everywhere
const WAV_HEADER_BYTES = 44;
const DATA_CHUNK = 0x64617461; // "data"
const BASE64_CHUNK = 0x8000; // bytes that are turned into characters at once

export function floatsFromPcm(buffer) {
  return Float32Array.from(new Int16Array(buffer), (sample) => sample / 32767);
}

export function pcmFromFloats(samples) {
  return Int16Array.from(samples, (sample) => Math.max(-1, Math.min(1, sample)) * 32767);
}

export function base64FromBytes(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += BASE64_CHUNK) {
    text += String.fromCharCode(...bytes.subarray(i, i + BASE64_CHUNK));
  }
  return btoa(text);
}

export function concat(pieces) {
  const whole = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

// Final samples, and the part of a prediction of the whole that lies behind them.
export function withPrediction(final, predicted) {
  if (predicted.length <= final.length) return final;
  return concat([final, predicted.subarray(final.length)]);
}

// The samples of a 16-bit WAV file; none where it has no data chunk.
export function wavSamples(buffer) {
  return floatsFromPcm(buffer.slice(dataOffset(new DataView(buffer))));
}

function dataOffset(view) {
  let at = 12;
  while (at + 8 <= view.byteLength) {
    const size = view.getUint32(at + 4, true);
    if (view.getUint32(at) === DATA_CHUNK) return at + 8;
    at += 8 + size + (size % 2);
  }
  return view.byteLength;
}

// Samples at SAMPLE_RATE as a WAV file.
export function encodeWav(samples) {
  const head = new DataView(new ArrayBuffer(WAV_HEADER_BYTES));
  const text = (at, letters) => {
    [...letters].forEach((letter, i) => head.setUint8(at + i, letter.charCodeAt(0)));
  };
  text(0, "RIFF");
  head.setUint32(4, WAV_HEADER_BYTES - 8 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  head.setUint32(16, 16, true); // bytes of the format chunk
  head.setUint16(20, 1, true); // PCM
  head.setUint16(22, 1, true); // channels
  head.setUint32(24, SAMPLE_RATE, true);
  head.setUint32(28, 2 * SAMPLE_RATE, true); // bytes a second
  head.setUint16(32, 2, true); // bytes a sample
  head.setUint16(34, 16, true); // bits a sample
  text(36, "data");
  head.setUint32(40, 2 * samples.length, true);
  return new Blob([head, pcmFromFloats(samples)], { type: "audio/wav" });
}
