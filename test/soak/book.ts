export interface BookedVolume {
  readonly id: string;
  readonly name: string;
  readonly zone: string;
  readonly flavor: string;
  sizeGib: number;
  /** The host that it is connected to. */
  host: string | null;
}

export interface BookedSnapshot {
  readonly id: string;
  readonly name: string;
  readonly volume: BookedVolume;
  readonly sizeGib: number;
}

/** What is wrong, in the words of the promise: nothing is lost, doubled, stuck or left behind. */
export const FAULTS = ["lost", "doubled", "stuck", "orphan", "wrong"] as const;
export type FaultKind = (typeof FAULTS)[number];

export interface Fault {
  readonly kind: FaultKind;
  readonly what: string;
}

/**
 * The users' own book: what they asked for and what they were answered. It is kept without looking at Berth's records,
 * so that these can be held against it.
 */
export class Book {
  readonly volumes = new Map<string, BookedVolume>();
  readonly snapshots = new Map<string, BookedSnapshot>();
  readonly faults: Fault[] = [];
  /** By the name that was asked for, which is used once: the id that was answered. */
  readonly #accepted = new Map<string, string>();
  /** What an operation went wrong on: nothing is known of its state any more. */
  readonly #unsure = new Set<string>();
  readonly #tell: (fault: string) => void;

  /** Each fault is told at once, so that one sees in the logs what else happened then. */
  constructor(tell: (fault: string) => void = () => undefined) {
    this.#tell = tell;
  }

  /** A create was answered. The same request answered with two ids is a double. */
  accept(name: string, id: string): void {
    const before = this.#accepted.get(name);
    if (before !== undefined && before !== id) this.fault("doubled", `${name} was accepted as ${before} and as ${id}`);
    this.#accepted.set(name, id);
  }

  wasAccepted(name: string, id: string): boolean {
    return this.#accepted.get(name) === id;
  }

  fault(kind: FaultKind, what: string): void {
    this.faults.push({ kind, what });
    this.#tell(`${kind}: ${what}`);
  }

  /** It is told as a fault already; what becomes of it is not judged twice. */
  giveUp(id: string): void {
    this.volumes.delete(id);
    this.snapshots.delete(id);
    this.#unsure.add(id);
  }

  isUnsure(id: string): boolean {
    return this.#unsure.has(id);
  }
}
