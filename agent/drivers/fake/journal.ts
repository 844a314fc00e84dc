import { closeSync, mkdirSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";

const LINE = /^([+-]) (\d+) ((?:volume|snapshot)-[0-9a-f-]{36})(?: (\d+)(?: ([A-Za-z0-9_-]+))?)?$/;

export interface JournalEntry {
  readonly sizeBytes: number;
  /** As `printFakeMark` wrote it; null: none, in a journal from before there were marks. */
  readonly mark: string | null;
}

/**
 * What stands on fake backends of one pool, in a file that every agent of this host appends to and reads on from where
 * it was: so that all of them know the same at any time, and an operation costs microseconds, however much stands
 * there. `+ backend name bytes mark` stands from then on (or has that size, then without the mark, which it keeps),
 * `- backend name` is gone. Synchronous, because
 * that is some twenty times faster here than a trip through the thread pool. Nothing is flushed to the disk: what is
 * remembered is that no bytes were moved. The file only grows, by some 300 bytes a volume made and deleted; removing it while the
 * agents stand still begins anew.
 */
export class FakeJournal {
  readonly #path: string;
  readonly #entries = new Map<string, JournalEntry>();
  readonly #backends = new Map<number, { count: number; bytes: number }>();
  #poolBytes = 0;
  #fd: number | null = null;
  #inode = 0;
  #offset = 0;

  constructor(path: string) {
    this.#path = path;
  }

  open(): void {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    this.catchUp();
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  sizeOf(backendId: number, name: string): number | undefined {
    return this.#entries.get(`${backendId} ${name}`)?.sizeBytes;
  }

  /** What stands on a backend, by names. */
  entries(backendId: number): [name: string, entry: JournalEntry][] {
    const prefix = `${backendId} `;
    return [...this.#entries]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, entry]) => [key.slice(prefix.length), entry]);
  }

  totals(backendId: number): { readonly count: number; readonly bytes: number } {
    return this.#backends.get(backendId) ?? { count: 0, bytes: 0 };
  }

  get poolBytes(): number {
    return this.#poolBytes;
  }

  /** `mark` null: it keeps the one it has. */
  put(backendId: number, name: string, sizeBytes: number, mark: string | null = null): void {
    this.#append(`+ ${backendId} ${name} ${sizeBytes}${mark === null ? "" : ` ${mark}`}\n`);
  }

  remove(backendId: number, name: string): void {
    this.#append(`- ${backendId} ${name}\n`);
  }

  /** Reads what others wrote since. A file that was replaced or removed is read from its beginning. */
  catchUp(): void {
    const found = statSync(this.#path, { throwIfNoEntry: false });
    const sizeBytes = found?.size ?? 0;
    // A new file may get the number of the one that was removed; then it is too short.
    const same = found?.ino === this.#inode && sizeBytes >= this.#offset;
    const fd = this.#fd !== null && same ? this.#fd : this.#reopen();
    if (sizeBytes <= this.#offset) return;
    const bytes = Buffer.alloc(sizeBytes - this.#offset);
    const text = bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, this.#offset)).toString("latin1");
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    this.#offset += whole.length;
    for (const line of whole.split("\n")) this.#apply(line);
  }

  /** One write at the end of the file is whole, whoever else writes. */
  #append(line: string): void {
    writeSync(this.#fd ?? this.#reopen(), line);
    this.catchUp();
  }

  #reopen(): number {
    this.close();
    this.#entries.clear();
    this.#backends.clear();
    this.#poolBytes = 0;
    this.#offset = 0;
    const fd = openSync(this.#path, "a+", 0o600);
    this.#fd = fd;
    this.#inode = statSync(this.#path).ino;
    return fd;
  }

  #apply(line: string): void {
    const [, sign, backend, name, size, mark] = LINE.exec(line) ?? [];
    if (sign === undefined || backend === undefined) return;
    const key = `${backend} ${name}`;
    const entry = this.#entries.get(key);
    const before = entry?.sizeBytes;
    const after = sign === "+" ? Number(size) : undefined;
    if (after === undefined) this.#entries.delete(key);
    else this.#entries.set(key, { sizeBytes: after, mark: mark ?? entry?.mark ?? null });

    const differenceBytes = (after ?? 0) - (before ?? 0);
    const totals = this.totals(Number(backend));
    this.#backends.set(Number(backend), {
      count: totals.count + (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1),
      bytes: totals.bytes + differenceBytes,
    });
    this.#poolBytes += differenceBytes;
  }
}
