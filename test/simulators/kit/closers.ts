/** What was started, to be ended again: the last first. */
export class Closers implements AsyncDisposable {
  readonly #started: AsyncDisposable[] = [];

  /** Gives back what it was given; null is nothing to end. */
  add<T extends AsyncDisposable | null>(started: T): T {
    if (started !== null) this.#started.push(started);
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#started.splice(0).reverse()) await one[Symbol.asyncDispose]();
  }
}
