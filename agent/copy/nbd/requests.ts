import type { Extent } from "../block-end.ts";
import { NbdProtocolError } from "./wire.ts";

/** A request that has no answer yet. */
export interface Pending {
  readonly offset: number;
  readonly lengthBytes: number;
  /** Where a read's bytes go. */
  readonly into: Buffer | null;
  readonly wantsStatus: boolean;
  receivedBytes: number;
  extents: Extent[];
  failure: Error | null;
  readonly resolve: (extents: Extent[]) => void;
  readonly reject: (error: Error) => void;
}

/** The requests in flight, found by the number that their answers carry. */
export class Requests {
  readonly #pending = new Map<number, Pending>();
  #lastCookie = 0;

  add(pending: Pending): number {
    this.#lastCookie = (this.#lastCookie + 1) % Number.MAX_SAFE_INTEGER;
    this.#pending.set(this.#lastCookie, pending);
    return this.#lastCookie;
  }

  get(cookie: bigint): Pending {
    const pending = this.#pending.get(Number(cookie));
    if (pending === undefined) throw new NbdProtocolError("it answers what was not asked");
    return pending;
  }

  /** Its last chunk is here. A read that is not whole by then is no read. */
  end(cookie: bigint): void {
    const pending = this.get(cookie);
    this.#pending.delete(Number(cookie));
    if (pending.failure !== null) pending.reject(pending.failure);
    else if (pending.into !== null && pending.receivedBytes !== pending.lengthBytes)
      throw this.#unfinished(pending, "a read ends before all of it came");
    else if (pending.wantsStatus && pending.extents.length === 0)
      throw this.#unfinished(pending, "a block status tells nothing");
    else pending.resolve(pending.extents);
  }

  failAll(error: Error): void {
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }

  #unfinished(pending: Pending, what: string): Error {
    const error = new NbdProtocolError(what);
    pending.reject(error);
    return error;
  }
}
