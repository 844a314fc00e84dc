import type { Credentials } from "../credentials.ts";
import { Unreachable } from "../failures.ts";
import { LoginRefused, SshConnection, type SshPlace } from "./connection.ts";

const IDLE_MS = 60_000;

/** Connections that are kept for the next command. How many at once is for its user to limit. */
export class SshPool {
  readonly #place: SshPlace;
  readonly #credentials: Credentials;
  readonly #all = new Set<SshConnection>();
  /** The last used at the end: the others grow old and go. */
  readonly #idle = new Map<SshConnection, NodeJS.Timeout>();
  #closed = false;

  constructor(place: SshPlace, credentials: Credentials) {
    this.#place = place;
    this.#credentials = credentials;
  }

  async use<T>(signal: AbortSignal, work: (connection: SshConnection) => Promise<T>): Promise<T> {
    const connection = this.#takeIdle() ?? (await this.#connect(signal));
    try {
      return await work(connection);
    } finally {
      this.#giveBack(connection);
    }
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#idle.values()) clearTimeout(timer);
    this.#idle.clear();
    for (const connection of this.#all) connection.end();
    this.#all.clear();
  }

  #takeIdle(): SshConnection | null {
    for (const [connection, timer] of [...this.#idle].reverse()) {
      clearTimeout(timer);
      this.#idle.delete(connection);
      if (connection.usable) return connection;
      this.#all.delete(connection);
    }
    return null;
  }

  async #connect(signal: AbortSignal): Promise<SshConnection> {
    const login = await this.#credentials.current();
    const connection = await SshConnection.connect(this.#place, login, signal).catch(async (error: unknown) => {
      if (!(error instanceof LoginRefused)) throw error;
      const other = await this.#credentials.insteadOf(login);
      if (other === null) throw error;
      return await SshConnection.connect(this.#place, other, signal);
    });
    if (this.#closed) {
      connection.end();
      throw new Unreachable("the backend is closed");
    }
    this.#all.add(connection);
    return connection;
  }

  #giveBack(connection: SshConnection): void {
    if (this.#closed || !connection.usable) {
      connection.end();
      this.#all.delete(connection);
      return;
    }
    const timer = setTimeout(() => {
      this.#idle.delete(connection);
      this.#all.delete(connection);
      connection.end();
    }, IDLE_MS);
    timer.unref();
    this.#idle.set(connection, timer);
  }
}
