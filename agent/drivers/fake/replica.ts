import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { DriverError } from "../driver.ts";
import type { FakeJournal } from "./journal.ts";
import { parseFakeMark } from "./mark.ts";

/** A mirror of a fake: another journal, and whether the link to it stands. */
export interface FakeTarget {
  readonly name: string;
  readonly path: string;
  readonly journal: FakeJournal;
  readonly linkBroken: boolean;
  readonly dead: boolean;
}

/**
 * What replicated objects a fake's own side gets or loses, its targets get and lose. A target that has taken over is
 * told by a file beside its journal, which notes what changed there; on the way back the own side learns that and no more,
 * for what the link did not bring over while it was broken is older there.
 */
export class FakeReplica {
  readonly #backendId: number;
  readonly #journal: FakeJournal;
  readonly #targets: readonly FakeTarget[];
  /** The target whose side this is; null: the own. */
  readonly #side: FakeTarget | null;

  constructor(backendId: number, journal: FakeJournal, targets: readonly FakeTarget[], side: FakeTarget | null) {
    this.#backendId = backendId;
    this.#journal = journal;
    this.#targets = targets;
    this.#side = side;
  }

  /** Brings what became of an object here to where it is mirrored; repeated, it changes nothing. */
  mirror(name: string): void {
    if (this.#side !== null) {
      if (hasTakenOver(this.#side)) appendFileSync(noteOf(this.#side), `${name}\n`);
      return;
    }
    for (const target of this.#targets) {
      if (target.linkBroken || target.dead) continue;
      target.journal.open();
      copy(this.#backendId, name, this.#journal, target.journal);
    }
  }

  close(): void {
    for (const { journal } of this.#targets) journal.close();
  }

  /** Throws `unknown` while the side from which it comes back cannot be asked what was done there. */
  takeOver(): void {
    if (this.#side !== null) {
      mkdirSync(dirname(this.#side.path), { recursive: true, mode: 0o700 });
      appendFileSync(noteOf(this.#side), "", { mode: 0o600 });
      return;
    }
    for (const target of this.#targets) {
      if (!hasTakenOver(target)) continue;
      if (target.dead)
        throw new DriverError("unknown", `target ${target.name}, where the newest state is, was told to be dead`);
      this.#learnFrom(target);
      rmSync(noteOf(target), { force: true });
    }
  }

  #learnFrom(target: FakeTarget): void {
    target.journal.open();
    this.#journal.catchUp();
    const changed = readFileSync(noteOf(target), "utf8").split("\n").filter(Boolean);
    for (const name of new Set(changed)) copy(this.#backendId, name, target.journal, this.#journal);
  }
}

/** Only what is replicated; what is gone goes. */
function copy(backendId: number, name: string, from: FakeJournal, to: FakeJournal): void {
  from.catchUp();
  to.catchUp();
  const sizeBytes = from.sizeOf(backendId, name);
  const made = from.madeAs(backendId, name);
  if (sizeBytes === undefined) {
    if (isReplicated(to.madeAs(backendId, name)?.mark)) to.remove(backendId, name);
    return;
  }
  if (!isReplicated(made?.mark) || made === undefined) return;
  if (to.sizeOf(backendId, name) !== sizeBytes || to.madeAs(backendId, name)?.mark !== made.mark)
    to.put(backendId, name, sizeBytes, made);
}

export function isReplicated(mark: string | null | undefined): boolean {
  return mark != null && parseFakeMark(mark)?.replicated === true;
}

function noteOf({ path }: FakeTarget): string {
  return `${path}.taken-over`;
}

function hasTakenOver(target: FakeTarget): boolean {
  return existsSync(noteOf(target));
}
