import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { Desk } from "./desk.ts";
import { LOOPBACK, portOf } from "./ports.ts";

/** A simulator's port: connections are counted, can fall into a black hole, and end with it. */
export class Listener implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.port = portOf(server);
  }

  /** Hands each connection to `join`, but those of which nothing shall be heard. */
  static async open(port: number, desk: Desk, join: (socket: Socket) => void): Promise<Listener> {
    const server = createServer();
    server.listen(port, LOOPBACK);
    await once(server, "listening");
    const listener = new Listener(server);
    server.on("connection", (socket) => {
      const left = desk.calls.connected();
      socket.setNoDelay(true);
      listener.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        listener.#sockets.delete(socket);
        left();
      });
      if (desk.faults.take("black-hole") === null) join(socket);
    });
    return listener;
  }

  /** Cuts the connection that comes from this port of the client's, without a word. */
  cut(remotePort: number): void {
    for (const socket of this.#sockets) if (socket.remotePort === remotePort) socket.resetAndDestroy();
  }

  /** Cuts all of them. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
