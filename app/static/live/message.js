// Messages of the live channel in the shape that the views read: a header, and named media as blobs.

// One binary message: uint32 header length (big-endian), the header as JSON, then the media in order.
export function decodeMessage(buffer) {
  const length = new DataView(buffer).getUint32(0);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let offset = 4 + length;
  const media = {};
  for (const { name, type, size } of header.media) {
    media[name] = new Blob([new Uint8Array(buffer, offset, size)], { type });
    offset += size;
  }
  return { ...header, media };
}

export function blobFromDataUri(uri) {
  const [head, body] = uri.split(",", 2);
  return new Blob([bytesFromBase64(body)], { type: head.slice(5, head.indexOf(";")) });
}

export function bytesFromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

// The same message where it came through Gradio or from a recorded run: its media are data URIs.
export function messageFromJson(message) {
  const media = Object.entries(message.media ?? {});
  return {
    ...message,
    media: Object.fromEntries(media.map(([name, uri]) => [name, blobFromDataUri(uri)])),
  };
}
