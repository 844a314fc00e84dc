import { JetStreamApiError } from "@nats-io/jetstream";

/** Longer than a busy server is silent, and so short that another is asked before anybody gives up. */
const PATIENCE_MS = 4_000;
const LONGEST_PATIENCE_MS = 60_000;
/** JetStream's "system temporarily unavailable": the server has lost the others. */
const CLUSTER_NOT_AVAILABLE = 10_008;

/** A row of questions of one kind, which one that is answered proves to be in order. */
class Row {
  #silentSinceMs: number | null = null;

  heard(): void {
    this.#silentSinceMs = null;
  }

  /** For how long there was no answer, with this one. */
  unheardMs(nowMs: number): number {
    this.#silentSinceMs ??= nowMs;
    return nowMs - this.#silentSinceMs;
  }
}

/**
 * Sees that a connection leads nowhere though it stands: the nats-server at its end was cut off from the others, or the
 * link is half-open. Then another server must be tried. What is written and what is asked count apart, for a server that
 * was cut off goes on for a while to answer questions, and takes nothing.
 */
export class ServerWatch {
  readonly #tryAnother: () => void;
  readonly #nowMs: () => number;
  readonly #written = new Row();
  readonly #asked = new Row();
  #patienceMs = PATIENCE_MS;

  /** `nowMs`: a monotonic clock; for tests. */
  constructor(tryAnother: () => void, nowMs: () => number = () => performance.now()) {
    this.#tryAnother = tryAnother;
    this.#nowMs = nowMs;
  }

  written<T>(answer: Promise<T>): Promise<T> {
    return this.#watch(this.#written, answer);
  }

  asked<T>(answer: Promise<T>): Promise<T> {
    return this.#watch(this.#asked, answer);
  }

  /** Another server has its own time to answer. */
  connected(): void {
    this.#written.heard();
    this.#asked.heard();
  }

  async #watch<T>(row: Row, answer: Promise<T>): Promise<T> {
    try {
      const value = await answer;
      this.#heard(row);
      return value;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code !== CLUSTER_NOT_AVAILABLE) this.#heard(row);
      else if (row.unheardMs(this.#nowMs()) >= this.#patienceMs) {
        this.#patienceMs = Math.min(this.#patienceMs * 2, LONGEST_PATIENCE_MS);
        this.connected();
        this.#tryAnother();
      }
      throw error;
    }
  }

  #heard(row: Row): void {
    row.heard();
    this.#patienceMs = PATIENCE_MS;
  }
}
