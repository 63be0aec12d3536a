// What a Node tutorial would write: a `ws`-style relay, JSON and base64, linear 24 -> 16 kHz, every burst sent on as it comes.
// Uses the `ws` package where it can be resolved (NODE_PATH), and otherwise the small WebSocket code below, so that nothing has to be installed.
import { createHash, randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import { createRequire } from "node:module";

const PORT = Number(process.env.PHONE_PORT);
const MODEL_URL = process.env.MODEL_URL;
const SUBPROTOCOL = "audio.drachtio.org";
const SETUP = JSON.stringify({ setup: { model: "models/any", generationConfig: { responseModalities: ["AUDIO"] } } });

function to16k(pcm) {
  const samples = new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length >> 1);
  const length = Math.floor(samples.length / 3) * 2;
  const out = new Int16Array(length);
  for (let to = 0, from = 0; to < length; to += 2, from += 3) {
    out[to] = samples[from];
    out[to + 1] = (samples[from + 1] + samples[from + 2]) >> 1;
  }
  return Buffer.from(out.buffer, 0, length * 2);
}

// --- a small WebSocket, one side of a connection ---------------------------------------------------------------------------------

const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

// Drawn a few thousand at a time: asking for four random bytes per frame would cost more than the frame.
let pool = randomBytes(8192), drawn = 0;
function copyMasked(payload, frame, head) {
  if (drawn === pool.length) { pool = randomBytes(8192); drawn = 0; }
  const a = pool[drawn], b = pool[drawn + 1], c = pool[drawn + 2], d = pool[drawn + 3], length = payload.length;
  drawn += 4;
  frame[head - 4] = a; frame[head - 3] = b; frame[head - 2] = c; frame[head - 1] = d;
  let at = 0, to = head;
  for (; at + 3 < length; at += 4, to += 4) {
    frame[to] = payload[at] ^ a; frame[to + 1] = payload[at + 1] ^ b; frame[to + 2] = payload[at + 2] ^ c; frame[to + 3] = payload[at + 3] ^ d;
  }
  if (at < length) frame[to] = payload[at] ^ a;
  if (at + 1 < length) frame[to + 1] = payload[at + 1] ^ b;
  if (at + 2 < length) frame[to + 2] = payload[at + 2] ^ c;
}

class SmallSocket extends EventEmitter {
  constructor(stream, masks) {
    super();
    this.stream = stream;
    this.masks = masks;
    this.open = true;
    this.rest = null;
    stream.setNoDelay(true);
    stream.on("data", (data) => this.take(data));
    stream.on("error", () => stream.destroy());
    stream.on("close", () => { this.open = false; this.emit("close"); });
  }

  take(data) {
    let buffer = this.rest === null ? data : Buffer.concat([this.rest, data]);
    let at = 0;
    while (buffer.length - at >= 2) {
      let length = buffer[at + 1] & 0x7f, body = at + 2;
      if (length === 126) { if (buffer.length - at < 4) break; length = buffer.readUInt16BE(at + 2); body = at + 4; }
      else if (length === 127) { if (buffer.length - at < 10) break; length = Number(buffer.readBigUInt64BE(at + 2)); body = at + 10; }
      const masked = (buffer[at + 1] & 0x80) !== 0;
      const start = masked ? body + 4 : body;
      if (buffer.length < start + length) break;
      const payload = buffer.subarray(start, start + length);
      if (masked) for (let i = 0; i < length; i++) payload[i] ^= buffer[body + (i & 3)];
      const opcode = buffer[at] & 0x0f;
      at = start + length;
      if (opcode === OPCODE.text || opcode === OPCODE.binary) this.emit("message", payload, opcode === OPCODE.binary);
      else if (opcode === OPCODE.ping) this.write(OPCODE.pong, payload);
      else if (opcode === OPCODE.close) { this.close(); return; }
    }
    this.rest = at < buffer.length ? buffer.subarray(at) : null;
  }

  write(opcode, payload) {
    if (!this.open) return;
    const length = payload.length, extended = length < 126 ? 0 : length < 65536 ? 2 : 8;
    const head = 2 + extended + (this.masks ? 4 : 0);
    const frame = Buffer.allocUnsafe(head + length);
    frame[0] = 0x80 | opcode;
    frame[1] = (this.masks ? 0x80 : 0) | (extended === 0 ? length : extended === 2 ? 126 : 127);
    if (extended === 2) frame.writeUInt16BE(length, 2);
    else if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
    if (this.masks) copyMasked(payload, frame, head);
    else payload.copy(frame, head);
    this.stream.write(frame);
  }

  send(data) { this.write(typeof data === "string" ? OPCODE.text : OPCODE.binary, typeof data === "string" ? Buffer.from(data) : data); }

  close() {
    if (!this.open) return;
    this.write(OPCODE.close, Buffer.from([3, 232]));
    this.stream.end();
  }
}

const small = {
  serve(onPhone) {
    const server = createServer((_, answer) => { answer.writeHead(426); answer.end(); });
    server.on("upgrade", (request, stream, early) => {
      const accept = createHash("sha1").update(request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
      stream.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${SUBPROTOCOL}\r\n\r\n`);
      const phone = new SmallSocket(stream, false);
      onPhone(phone);
      if (early.length > 0) phone.take(early);
    });
    server.listen({ port: PORT, host: "127.0.0.1", backlog: 1024 });
  },
  connect(url) {
    return new Promise((resolve, reject) => {
      const headers = { Upgrade: "websocket", Connection: "Upgrade", "Sec-WebSocket-Version": 13, "Sec-WebSocket-Key": randomBytes(16).toString("base64") };
      const request = httpRequest(url.replace(/^ws/, "http"), { headers });
      request.on("upgrade", (_, stream) => resolve(new SmallSocket(stream, true)));
      request.on("error", reject);
      request.end();
    });
  },
};

function byPackage(ws) {
  return {
    serve(onPhone) { new ws.WebSocketServer({ port: PORT, host: "127.0.0.1", backlog: 1024, handleProtocols: () => SUBPROTOCOL }).on("connection", onPhone); },
    connect(url) {
      return new Promise((resolve, reject) => {
        const socket = new ws.WebSocket(url, { perMessageDeflate: false });
        socket.on("open", () => resolve(socket));
        socket.on("error", reject);
      });
    },
  };
}

function stack() {
  try { return ["ws", byPackage(createRequire(import.meta.url)("ws"))]; }
  catch { return ["own", small]; }
}

// --- the relay -----------------------------------------------------------------------------------------------------------------

const [name, sockets] = stack();
console.error(`relay: WebSocket by ${name === "ws" ? "the ws package" : "its own code, the ws package is not installed"}`);

sockets.serve(async (phone) => {
  let model = null, gone = false;
  phone.on("message", (data, isBinary) => {
    if (isBinary && model !== null) model.send(JSON.stringify({ realtimeInput: { audio: { mimeType: "audio/pcm;rate=16000", data: data.toString("base64") } } }));
  });
  phone.on("close", () => { gone = true; if (model !== null) model.close(); });
  phone.on("error", () => {});
  model = await sockets.connect(MODEL_URL);
  if (gone) { model.close(); return; }
  model.on("message", (data) => {
    for (const part of JSON.parse(data.toString()).serverContent?.modelTurn?.parts ?? []) {
      if (part.inlineData?.data) phone.send(to16k(Buffer.from(part.inlineData.data, "base64")));
    }
  });
  model.on("close", () => phone.close());
  model.on("error", () => {});
  model.send(SETUP);
});
