import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CLASSES, type ClassName, HIDDEN, isClass, RELATIONS } from "./datamodel.ts";
import { XenFailure } from "./failure.ts";
import { isStruct, NULL_REF, newRef, type Row, rowOf, text } from "./values.ts";

/** Something that became known of an object, in the order of events. */
export interface Change {
  readonly className: ClassName;
  readonly ref: string;
  readonly operation: "add" | "mod" | "del";
  readonly generation: number;
}

/** Whoever logs in anew finds neither sessions nor tasks of before a restart. */
const FORGOTTEN: ReadonlySet<ClassName> = new Set(["session", "task"]);
const DELETIONS_REMEMBERED = 5_000;
const COMPACT_FROM_LINES = 20_000;

/**
 * xapi's database. What was answered is in the file: a line an object as it became, so that a kill at any moment loses
 * nothing; half a line at its end is what nobody was answered.
 */
export class Database {
  readonly #tables = new Map<ClassName, Map<string, Row>>();
  readonly #related = new Map<string, Map<string, Set<string>>>();
  readonly #last = new Map<string, Change>();
  #deletions: Change[] = [];
  readonly #path: string;
  #lines = 0;
  #generation = 1;
  /** Events of before it are lost. */
  #oldest = 0;
  readonly #waiting = new Set<() => void>();

  constructor(folder: string) {
    this.#path = join(folder, "xapi.journal");
    for (const name of Object.keys(CLASSES)) if (isClass(name)) this.#tables.set(name, new Map());
    this.#load();
  }

  get isEmpty(): boolean {
    return this.table("pool").size === 0;
  }

  get generation(): number {
    return this.#generation;
  }

  table(className: ClassName): ReadonlyMap<string, Row> {
    return this.#table(className);
  }

  find(className: ClassName, ref: string): Row | undefined {
    return this.#table(className).get(ref);
  }

  /** @throws XenFailure HANDLE_INVALID */
  get(className: ClassName, ref: string): Row {
    const row = this.find(className, ref);
    if (row === undefined) throw new XenFailure("HANDLE_INVALID", className, ref);
    return row;
  }

  /** With its lists of those that refer to it. */
  record(className: ClassName, ref: string): Row {
    const row = this.get(className, ref);
    const lists = RELATIONS.filter(({ to }) => to === className).map(
      (relation) => [relation.list, this.related(relation.of, relation.by, ref)] as const,
    );
    return lists.length === 0 ? row : { ...row, ...Object.fromEntries(lists) };
  }

  related(of: ClassName, by: string, ref: string): string[] {
    return [...(this.#related.get(`${of}.${by}`)?.get(ref) ?? [])];
  }

  /** @throws XenFailure UUID_INVALID */
  byUuid(className: ClassName, uuid: string): string {
    for (const [ref, row] of this.#table(className)) if (text(row, "uuid") === uuid) return ref;
    throw new XenFailure("UUID_INVALID", className, uuid);
  }

  hasUuid(className: ClassName, uuid: string): boolean {
    return [...this.#table(className).values()].some((row) => row.uuid === uuid);
  }

  add(className: ClassName, fields: Row): string {
    const ref = newRef();
    this.#put(className, ref, rowOf(className, fields), "add");
    return ref;
  }

  update(className: ClassName, ref: string, fields: Row): void {
    this.#put(className, ref, { ...this.get(className, ref), ...fields }, "mod");
  }

  remove(className: ClassName, ref: string): void {
    if (!this.#table(className).has(ref)) return;
    this.#write(className, ref, null);
    this.#apply(className, ref, null);
    if (this.#lines > COMPACT_FROM_LINES) this.#compact();
    this.#tell({ className, ref, operation: "del", generation: ++this.#generation });
  }

  /** An event without a change. */
  touch(className: ClassName, ref: string): void {
    this.get(className, ref);
    this.#tell({ className, ref, operation: "mod", generation: ++this.#generation });
  }

  /** What became of which objects after a generation, oldest first; null: that is too long ago to tell. */
  changesSince(generation: number): Change[] | null {
    if (generation > 0 && generation < this.#oldest) return null;
    const changes = [...this.#last.values()].filter((change) => change.generation > generation);
    const gone = generation === 0 ? [] : this.#deletions.filter((change) => change.generation > generation);
    return [...changes, ...gone].sort((one, other) => one.generation - other.generation);
  }

  /** Resolves at the next change, or after so many milliseconds. */
  async nextChange(withinMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, withinMs);
      this.#waiting.add(wake);
    });
  }

  /** A new master has taken over: every object has another reference, and events of before are lost. */
  renewRefs(): void {
    const renewed = new Map<string, string>();
    for (const table of this.#tables.values()) for (const ref of table.keys()) renewed.set(ref, newRef());
    const old = [...this.#tables].flatMap(([className, table]) =>
      [...table].map(([ref, row]) => ({ className, ref, row })),
    );
    for (const { className, ref } of old) this.#apply(className, ref, null);
    this.#last.clear();
    this.#deletions = [];
    this.#oldest = ++this.#generation;
    for (const { className, ref, row } of old) {
      const fields = Object.entries(CLASSES[className]).map(([name, { type }]) => {
        const value = row[name] ?? "";
        return [name, type === "ref" && typeof value === "string" ? (renewed.get(value) ?? value) : value] as const;
      });
      const next = renewed.get(ref) ?? ref;
      this.#apply(className, next, Object.fromEntries(fields));
      this.#last.set(next, { className, ref: next, operation: "add", generation: ++this.#generation });
    }
    this.#compact();
  }

  /** Events up to now can no longer be told. */
  loseEvents(): void {
    this.#oldest = ++this.#generation;
  }

  close(): void {
    for (const wake of this.#waiting) wake();
  }

  #table(className: ClassName): Map<string, Row> {
    const table = this.#tables.get(className);
    if (table === undefined) throw new XenFailure("INTERNAL_ERROR", `no table ${className}`);
    return table;
  }

  #put(className: ClassName, ref: string, row: Row, operation: "add" | "mod"): void {
    this.#write(className, ref, row);
    this.#apply(className, ref, row);
    if (this.#lines > COMPACT_FROM_LINES) this.#compact();
    this.#tell({ className, ref, operation, generation: ++this.#generation });
  }

  #apply(className: ClassName, ref: string, row: Row | null): void {
    const table = this.#table(className);
    const before = table.get(ref);
    for (const { of, by } of RELATIONS) {
      if (of !== className) continue;
      const key = `${of}.${by}`;
      const index = this.#related.get(key) ?? new Map<string, Set<string>>();
      this.#related.set(key, index);
      const [from, to] = [before?.[by], row?.[by]];
      if (from === to) continue;
      if (typeof from === "string") index.get(from)?.delete(ref);
      if (typeof to === "string" && to !== NULL_REF) index.set(to, (index.get(to) ?? new Set()).add(ref));
    }
    if (row === null) table.delete(ref);
    else table.set(ref, row);
  }

  #tell(change: Change): void {
    if (HIDDEN.has(change.className)) return;
    const known = this.#last.get(change.ref);
    this.#last.delete(change.ref);
    if (change.operation === "del") {
      this.#deletions.push(change);
      if (this.#deletions.length > DELETIONS_REMEMBERED) this.#oldest = this.#deletions.shift()?.generation ?? 0;
    } else this.#last.set(change.ref, known?.operation === "add" ? { ...change, operation: "mod" } : change);
    for (const wake of [...this.#waiting]) wake();
  }

  #write(className: ClassName, ref: string, row: Row | null): void {
    if (FORGOTTEN.has(className)) return;
    appendFileSync(this.#path, `${JSON.stringify([className, ref, row])}\n`);
    this.#lines += 1;
  }

  #compact(): void {
    const lines = [...this.#tables].flatMap(([className, table]) =>
      FORGOTTEN.has(className) ? [] : [...table].map(([ref, row]) => `${JSON.stringify([className, ref, row])}\n`),
    );
    writeFileSync(`${this.#path}.new`, lines.join(""));
    renameSync(`${this.#path}.new`, this.#path);
    this.#lines = Math.min(lines.length, COMPACT_FROM_LINES / 2);
  }

  #load(): void {
    if (!existsSync(this.#path)) return;
    for (const line of readFileSync(this.#path, "utf8").split("\n")) {
      const entry = parsedLine(line);
      if (entry === null) continue;
      this.#apply(entry.className, entry.ref, entry.row);
      const { className, ref } = entry;
      if (entry.row === null) this.#last.delete(ref);
      else this.#last.set(ref, { className, ref, operation: "add", generation: ++this.#generation });
    }
    this.#oldest = ++this.#generation;
    this.#compact();
  }
}

function parsedLine(line: string): { className: ClassName; ref: string; row: Row | null } | null {
  try {
    const value: unknown = JSON.parse(line);
    if (!Array.isArray(value)) return null;
    const [className, ref, row]: unknown[] = value;
    if (typeof className !== "string" || typeof ref !== "string" || !isClass(className)) return null;
    return { className, ref, row: isStruct(row) ? row : null };
  } catch {
    return null;
  }
}
