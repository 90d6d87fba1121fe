// The websocket of one run: decodes messages (uint32 header length, JSON header, media) and hands them on.

const RETRIES = 4;
const RETRY_MS = 400;

function decode(buffer) {
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

function fromDataUri(uri) {
  const [head, body] = uri.split(",", 2);
  const bytes = Uint8Array.from(atob(body), (c) => c.charCodeAt(0));
  return new Blob([bytes], { type: head.slice(5, head.indexOf(";")) });
}

// A message that came through Gradio or from a recorded run, in the shape that `decode` gives.
function fromJson(message) {
  const media = Object.fromEntries(
    Object.entries(message.media ?? {}).map(([name, uri]) => [name, fromDataUri(uri)]),
  );
  return { ...message, media };
}

function liveUrl(run) {
  const url = new URL(`live/${run}`, document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = "";
  return url;
}

class Channel {
  constructor(run, receive) {
    this.run = run;
    this.receive = receive;
    this.closed = false;
    this.retries = RETRIES;
    this.open();
  }

  open() {
    const socket = new WebSocket(liveUrl(this.run));
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => this.closed || this.receive(decode(event.data));
    socket.onclose = (event) => {
      if (this.closed || event.wasClean || this.retries-- <= 0) return;
      setTimeout(() => this.closed || this.open(), RETRY_MS);
    };
    this.socket = socket;
  }

  close() {
    this.closed = true;
    this.socket.close();
  }
}
