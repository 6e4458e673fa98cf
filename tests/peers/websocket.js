// A WebSocket server and client by the package ws.
//   node websocket.js serve                 prints its port; echoes every message, and closes when it gets "close"
//   node websocket.js talk PORT COUNT SIZE  sends COUNT messages of up to SIZE bytes through PORT and checks their echoes
"use strict";

const { createHash } = require("crypto");
const WebSocket = require("ws");

function serve() {
  const server = new WebSocket.Server({ host: "127.0.0.1", port: 0, perMessageDeflate: true }, () => {
    console.log(server.address().port);
  });
  server.on("connection", (socket) => {
    socket.on("message", (message, isBinary) => {
      if (!isBinary && message.toString() === "close") socket.close(4001, "as asked");
      else socket.send(message, { binary: isBinary });
    });
    socket.on("error", (error) => console.error(`server: ${error.message}`));
  });
}

function digest(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

function talk(port, count, size) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket?a=b`, ["first", "second"], { headers: { "X-Client": "ws" } });
  const waiting = [];
  let pongs = 0;
  const fail = (why) => {
    console.error(why);
    process.exit(1);
  };
  socket.on("open", () => {
    for (let index = 0; index < count; index += 1) {
      const bytes = Buffer.alloc(Math.floor((size * (index + 1)) / count), `${index} some text that does compress. `);
      const isBinary = index % 2 === 0;
      waiting.push({ hash: digest(bytes), isBinary });
      socket.send(bytes, { binary: isBinary });
      if (index % 10 === 0) socket.ping(`${index}`);
    }
  });
  socket.on("pong", () => { pongs += 1; });
  socket.on("message", (message, isBinary) => {
    const expected = waiting.shift();
    if (expected === undefined) fail("an echo of nothing");
    if (expected.hash !== digest(message) || expected.isBinary !== isBinary) fail("an echo that differs");
    if (waiting.length === 0) socket.send("close");
  });
  socket.on("close", (code, reason) => {
    if (waiting.length !== 0) fail(`closed before ${waiting.length} echoes came`);
    console.log(JSON.stringify({ code, reason: reason.toString(), protocol: socket.protocol, pongs }));
    process.exit(0);
  });
  socket.on("error", (error) => fail(`client: ${error.message}`));
}

const [what, ...rest] = process.argv.slice(2);
if (what === "serve") serve();
else talk(...rest.map(Number));
