/** What clients called since the last reset: the table "calls to the array per operation" comes from here. */
export class CallCounter {
  readonly #counts = new Map<string, number>();
  #inFlight = 0;
  #highWater = 0;
  #connections = 0;
  #connectionsHighWater = 0;

  get inFlight(): number {
    return this.#inFlight;
  }

  /** The most calls that were in flight at once. */
  get highWater(): number {
    return this.#highWater;
  }

  /** A call begins; the returned function ends it, once. */
  enter(method: string): () => void {
    this.#counts.set(method, (this.#counts.get(method) ?? 0) + 1);
    this.#inFlight += 1;
    this.#highWater = Math.max(this.#highWater, this.#inFlight);
    return once(() => {
      this.#inFlight -= 1;
    });
  }

  /** A client's connection stands; the returned function ends it, once. */
  connected(): () => void {
    this.#connections += 1;
    this.#connectionsHighWater = Math.max(this.#connectionsHighWater, this.#connections);
    return once(() => {
      this.#connections -= 1;
    });
  }

  /** By the vendor's names, in the order of names. */
  byMethod(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([one], [other]) => (one < other ? -1 : 1)));
  }

  report() {
    return {
      byMethod: this.byMethod(),
      total: [...this.#counts.values()].reduce((sum, count) => sum + count, 0),
      inFlight: this.#inFlight,
      highWater: this.#highWater,
      connections: this.#connections,
      connectionsHighWater: this.#connectionsHighWater,
    };
  }

  reset(): void {
    this.#counts.clear();
    this.#highWater = this.#inFlight;
    this.#connectionsHighWater = this.#connections;
  }
}

function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (!done) act();
    done = true;
  };
}
