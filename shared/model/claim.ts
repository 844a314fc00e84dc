import { type Static, Type } from "typebox";
import { Bytes, LedgerSeq } from "./names.ts";
import { Nullable } from "./nullable.ts";

/**
 * Space that a record takes on its backend. The record is the reservation: no counter stands beside it.
 * `settledSeq` is the commit at which the result was recorded; a capacity report whose `asOf` is at or past it has
 * seen the object, so the claim counts no more. null: the work is not finished, the claim counts in full.
 */
export const Claim = Type.Object({
  /** What the user was promised: counts against the (over-subscribed) capacity. */
  virtualBytes: Bytes,
  /** What it may really take at once: the size on thick storage or for a full copy, 0 for a new thin volume. */
  physicalBytes: Bytes,
  settledSeq: Nullable(LedgerSeq),
});
export type Claim = Static<typeof Claim>;
