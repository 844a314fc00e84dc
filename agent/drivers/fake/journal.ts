import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

const NAME = "(?:volume|snapshot)-[0-9a-f-]{36}|foreign-[A-Za-z0-9_-]+";
const MADE_AS = "(\\d+)(?: ([A-Za-z0-9_-]+)(?: (thick))?)?";
const LINE = new RegExp(`^([+-]) (\\d+) (${NAME})(?: ${MADE_AS})?$`);
const RENAME = new RegExp(`^> (\\d+) (${NAME}) (${NAME}) ${MADE_AS}$`);
/** The last line that counts in a file: what comes behind it was written too late, and goes into the next file. */
const CLOSED = "=";
/** A small journal is never rewritten. */
const COMPACT_FROM_BYTES = 65_536;

export interface JournalEntry {
  readonly sizeBytes: number;
  /** As `printFakeMark` wrote it; null: none, in a journal from before there were marks. */
  readonly mark: string | null;
  /** All of it is taken, on a backend that is thin otherwise. */
  readonly thick: boolean;
}

/** What an object was made as, beside its size. */
export type MadeAs = Omit<JournalEntry, "sizeBytes">;

interface JournalTotals {
  readonly count: number;
  readonly bytes: number;
  /** Of these, what was made thick. */
  readonly thickBytes: number;
}

/**
 * What stands on fake backends of one pool, in a file that every agent of this host appends to and reads on from where
 * it was: so that all of them know the same at any time, and an operation costs microseconds, however much stands
 * there. `+ backend name bytes mark [thick]` stands from then on (or has that size, then without what follows, which it
 * keeps), `- backend name` is gone, `> backend name other bytes mark [thick]` has another name
 * from then on. Synchronous, because that is some twenty times faster here than a trip through the thread
 * pool. Nothing is flushed to the disk: what is remembered is that no bytes were moved. Removing its files while the
 * agents stand still begins anew.
 *
 * A file that has become more than twice as long as what stands there needs is closed by a line of its own, and its
 * content goes into the next one, `….journal.1` and so on, which comes into being whole and once (a link to a file made
 * aside). Whoever finds a file closed and no next one makes it, so it does not matter where somebody was killed.
 */
export class FakeJournal {
  readonly #path: string;
  readonly #compactFromBytes: number;
  readonly #entries = new Map<string, JournalEntry>();
  readonly #backends = new Map<number, JournalTotals>();
  #pool = { bytes: 0, thickBytes: 0 };
  /** What a file would need that says no more than what stands there. */
  #neededBytes = 0;
  #generation = 0;
  #fd: number | null = null;
  #inode = 0;
  #offset = 0;
  #closed = false;

  constructor(path: string, compactFromBytes = COMPACT_FROM_BYTES) {
    this.#path = path;
    this.#compactFromBytes = compactFromBytes;
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
    return this.entry(backendId, name)?.sizeBytes;
  }

  entry(backendId: number, name: string): JournalEntry | undefined {
    return this.#entries.get(`${backendId} ${name}`);
  }

  /** What stands on a backend, by names. */
  entries(backendId: number): [name: string, entry: JournalEntry][] {
    const prefix = `${backendId} `;
    return [...this.#entries]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, entry]) => [key.slice(prefix.length), entry]);
  }

  madeAs(backendId: number, name: string): MadeAs | undefined {
    return this.#entries.get(`${backendId} ${name}`);
  }

  totals(backendId: number): JournalTotals {
    return this.#backends.get(backendId) ?? { count: 0, bytes: 0, thickBytes: 0 };
  }

  get pool(): Omit<JournalTotals, "count"> {
    return this.#pool;
  }

  /** `made` null: it is there, and keeps what it was made as. */
  put(backendId: number, name: string, sizeBytes: number, made: MadeAs | null = null): void {
    this.#append(lineOf(`${backendId} ${name}`, { sizeBytes, ...(made ?? { mark: null, thick: false }) }));
  }

  /** Nothing, if it went meanwhile, or the other name came. */
  rename(backendId: number, name: string, other: string, after: JournalEntry): void {
    this.#append(`> ${lineOf(`${backendId} ${name} ${other}`, after).slice(2)}`);
  }

  remove(backendId: number, name: string): void {
    this.#append(`- ${backendId} ${name}`);
  }

  /** Reads what others wrote since, in the next file if this one is closed. One that was removed is begun anew. */
  catchUp(): void {
    this.#readOn();
    while (this.#closed) {
      this.#makeNext();
      this.#readOn();
    }
  }

  #readOn(): void {
    const found = statSync(fileOf(this.#path, this.#generation), { throwIfNoEntry: false });
    // A new file may get the number of the one that was removed; then it is too short.
    const same = found !== undefined && found.ino === this.#inode && found.size >= this.#offset;
    this.#read(this.#fd !== null && same ? this.#fd : this.#reopen());
  }

  /** Everything behind what was read, up to the line that closes the file; was `sought` among it? */
  #read(fd: number, sought: string | null = null): boolean {
    const sizeBytes = fstatSync(fd).size;
    if (sizeBytes <= this.#offset || this.#closed) return false;
    const bytes = Buffer.alloc(sizeBytes - this.#offset);
    const text = bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, this.#offset)).toString("latin1");
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    let seen = false;
    for (const line of whole.split("\n").slice(0, -1)) {
      this.#offset += line.length + 1;
      this.#closed = line === CLOSED;
      if (this.#closed) break;
      this.#apply(line);
      if (line === sought) seen = true;
    }
    return seen;
  }

  /** One write at the end of the file is whole, whoever else writes. Behind its end it does not count: once more, in the next. */
  #append(line: string): void {
    for (let counts = false; !counts; ) {
      this.catchUp();
      counts = this.#write(line);
    }
    if (this.#offset > Math.max(this.#compactFromBytes, 2 * this.#neededBytes)) {
      this.#write(CLOSED);
      this.catchUp();
    }
  }

  #write(line: string): boolean {
    const fd = this.#fd ?? this.#reopen();
    writeSync(fd, `${line}\n`);
    return this.#read(fd, line);
  }

  /** The newest file; all that was known is read from it anew. */
  #reopen(): number {
    this.close();
    this.#entries.clear();
    this.#backends.clear();
    this.#pool = { bytes: 0, thickBytes: 0 };
    this.#neededBytes = 0;
    this.#offset = 0;
    this.#closed = false;
    const { fd, generation } = openNewest(this.#path);
    this.#fd = fd;
    this.#generation = generation;
    this.#inode = fstatSync(fd).ino;
    return fd;
  }

  /** What was read up to the closing line is the next file's beginning. Whoever links it first has made it. */
  #makeNext(): void {
    const aside = `${this.#path}.new-${process.pid}`;
    const lines = [...this.#entries].map(([key, entry]) => `${lineOf(key, entry)}\n`);
    writeFileSync(aside, lines.join(""), { mode: 0o600 });
    try {
      linkSync(aside, fileOf(this.#path, this.#generation + 1));
    } catch (error) {
      // Another was quicker; or took what lay aside for a dead one's: then once more.
      if (!isCode(error, "EEXIST") && !isCode(error, "ENOENT")) throw error;
    }
    removeOld(this.#path);
    this.#reopen();
  }

  #apply(line: string): void {
    const [, sign, backend, name, size, mark, word] = LINE.exec(line) ?? [];
    if (sign === undefined || backend === undefined) {
      this.#applyRename(line);
      return;
    }
    const key = `${backend} ${name}`;
    const made = mark === undefined ? this.#entries.get(key) : { mark, thick: word !== undefined };
    const { mark: kept = null, thick = false } = made ?? {};
    this.#set(key, sign === "+" ? { sizeBytes: Number(size), mark: kept, thick } : undefined);
  }

  #applyRename(line: string): void {
    const [, backend, name, other, size, mark = null, word] = RENAME.exec(line) ?? [];
    if (!this.#entries.has(`${backend} ${name}`) || this.#entries.has(`${backend} ${other}`)) return;
    this.#set(`${backend} ${name}`, undefined);
    this.#set(`${backend} ${other}`, { sizeBytes: Number(size), mark, thick: word !== undefined });
  }

  #set(key: string, after: JournalEntry | undefined): void {
    const entry = this.#entries.get(key);
    const [backend, name = ""] = key.split(" ");
    const counted = name.startsWith(FOREIGN) ? 0 : 1;
    if (after === undefined) this.#entries.delete(key);
    else this.#entries.set(key, after);

    this.#neededBytes += neededBytes(key, after) - neededBytes(key, entry);
    const differenceBytes = (after?.sizeBytes ?? 0) - (entry?.sizeBytes ?? 0);
    const thickDifferenceBytes = takenThick(after) - takenThick(entry);
    const totals = this.totals(Number(backend));
    this.#backends.set(Number(backend), {
      count: totals.count + (after === undefined ? 0 : counted) - (entry === undefined ? 0 : counted),
      bytes: totals.bytes + differenceBytes,
      thickBytes: totals.thickBytes + thickDifferenceBytes,
    });
    this.#pool = {
      bytes: this.#pool.bytes + differenceBytes,
      thickBytes: this.#pool.thickBytes + thickDifferenceBytes,
    };
  }
}

const FOREIGN = "foreign-";

/** Names that others gave may hold anything, and the journal is read by lines and blanks. */
export function foreignName(reference: string): string {
  return `${FOREIGN}${Buffer.from(reference).toString("base64url")}`;
}

/** null: it is one of ours. */
export function referenceOf(name: string): string | null {
  return name.startsWith(FOREIGN) ? Buffer.from(name.slice(FOREIGN.length), "base64url").toString("utf8") : null;
}

function lineOf(key: string, { sizeBytes, mark, thick }: JournalEntry): string {
  return `+ ${key} ${sizeBytes}${mark === null ? "" : ` ${mark}${thick ? " thick" : ""}`}`;
}

function takenThick(entry: JournalEntry | undefined): number {
  return entry?.thick ? entry.sizeBytes : 0;
}

function neededBytes(key: string, entry: JournalEntry | undefined): number {
  return entry === undefined ? 0 : lineOf(key, entry).length + 1;
}

function fileOf(path: string, generation: number): string {
  return generation === 0 ? path : `${path}.${generation}`;
}

/** The path of the file that counts now; the first one's if there is none yet. */
export function newestJournal(path: string): string {
  return fileOf(path, Math.max(0, ...generationsOf(path)));
}

function generationsOf(path: string): number[] {
  const first = basename(path);
  return readdirSync(dirname(path)).flatMap((file) => {
    if (file === first) return [0];
    const [, number] = file.startsWith(`${first}.`) ? (/^(\d+)$/.exec(file.slice(first.length + 1)) ?? []) : [];
    return number === undefined ? [] : [Number(number)];
  });
}

/** All before the newest, and what somebody left aside who was killed. */
function removeOld(path: string): void {
  const generations = generationsOf(path);
  const newest = Math.max(...generations);
  for (const generation of generations) if (generation < newest) rmSync(fileOf(path, generation), { force: true });
  for (const file of readdirSync(dirname(path)))
    if (file.startsWith(`${basename(path)}.new-`)) rmSync(join(dirname(path), file), { force: true });
}

/** None is made where one was: an agent that is slow to open it would write into a file that nobody reads. */
function openNewest(path: string): { readonly fd: number; readonly generation: number } {
  for (;;) {
    const generations = generationsOf(path);
    const generation = Math.max(0, ...generations);
    const create = generations.length === 0 ? constants.O_CREAT : 0;
    try {
      const fd = openSync(fileOf(path, generation), constants.O_RDWR | constants.O_APPEND | create, 0o600);
      if (Math.max(0, ...generationsOf(path)) === generation) return { fd, generation };
      closeSync(fd);
    } catch (error) {
      if (!isCode(error, "ENOENT")) throw error;
    }
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
