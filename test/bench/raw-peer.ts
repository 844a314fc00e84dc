/** The other end of the raw figures, in a process of its own: echoes NATS requests and HTTP bodies. */
import { createServer } from "node:http";
import { connect } from "nats";

const [natsUrl = "", echoSubject = ""] = process.argv.slice(2);
const connection = await connect({ servers: natsUrl });
connection.subscribe(echoSubject, { callback: (_error, message) => void message.respond(message.data) });
await connection.flush();

/** `GET /<n>` gives n bytes, `POST` its own body. */
const server = createServer((request, response) => {
  if (request.method === "GET") {
    response.end(bodyOf(Number(request.url?.slice(1) ?? 0)));
    return;
  }
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => response.end(Buffer.concat(chunks)));
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.send?.({ port: typeof address === "object" ? address?.port : 0 });
});
process.on("disconnect", () => process.exit());

let kept = "";
function bodyOf(bytes: number): string {
  if (kept.length !== bytes) kept = "x".repeat(bytes);
  return kept;
}
