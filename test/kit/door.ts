/** A program of `network.ts`: hands on what comes to a Unix socket to a port of the network that it runs in. */
import { connect, createServer } from "node:net";

const [socketPath = "", address = "", port = ""] = process.argv.slice(2);

createServer((incoming) => {
  const outgoing = connect({ host: address, port: Number(port) });
  incoming.pipe(outgoing).pipe(incoming);
  const end = (): void => {
    incoming.destroy();
    outgoing.destroy();
  };
  incoming.on("error", end).on("close", end);
  outgoing.on("error", end).on("close", end);
}).listen(socketPath, () => process.stdout.write("open\n"));
