import { EventEmitter } from "node:events";
import { isDeepStrictEqual } from "node:util";
import { Low } from "lowdb";
import { Type } from "typebox";
import { asBerthError, BerthError, fullMessage } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";
import { CATALOGUE_VERSION, type Catalogue, EMPTY_CATALOGUE } from "#shared/model/catalogue.ts";
import { parser, sentence } from "#shared/schema.ts";
import { describeChanges } from "./changes.ts";
import { checkCatalogue } from "./check.ts";
import { CatalogueFile, catalogueRevision } from "./file.ts";
import { FilePlace } from "./file-place.ts";
import type { TextPlace } from "./place.ts";

const POLL_INTERVAL_MS = 1_000;

/**
 * Puts a catalogue in force. Throws E_IN_USE when it drops or moves what is used, with `details.faults` that say where
 * in it; then the running one stays.
 */
export type ApplyCatalogue = (next: Catalogue) => Promise<void>;

export type CatalogueListener = (catalogue: Catalogue, revision: string) => void;

const useDetails = parser(
  Type.Object({ faults: Type.Array(Type.Object({ path: Type.String(), message: Type.String() })) }),
);

/**
 * Keeps the catalogue: the one in force, and its file. Changes come by `edit` and by hand; each is checked, put in force
 * and only then shown, one after another. Whatever is wrong with the file, the running catalogue stays in force.
 */
export class CatalogueService {
  readonly #file: CatalogueFile;
  readonly #database: Low<Catalogue>;
  readonly #log: Logger;
  readonly #emitter = new EventEmitter();
  #current: Catalogue;
  #revision: string;
  #problem: string | null = null;
  #apply: ApplyCatalogue | null = null;
  #watch: { close(): void } | null = null;
  #lastTurn: Promise<unknown> = Promise.resolve();

  /**
   * Reads the file; without one the catalogue is empty, and the file comes with the first edit. An older file is read as
   * of today's version, and is written so at the next edit. Throws E_CATALOGUE_INVALID, E_NEWER_DATA.
   */
  static async open(path: string, log: Logger): Promise<CatalogueService> {
    return await CatalogueService.openIn(new FilePlace(path), log);
  }

  /** The same for any place that holds a text. */
  static async openIn(place: TextPlace, log: Logger): Promise<CatalogueService> {
    const file = new CatalogueFile(place);
    const database = new Low<Catalogue>(file, EMPTY_CATALOGUE);
    await database.read();
    return new CatalogueService(file, database, log);
  }

  private constructor(file: CatalogueFile, database: Low<Catalogue>, log: Logger) {
    this.#file = file;
    this.#database = database;
    this.#log = log;
    this.#current = database.data;
    this.#revision = catalogueRevision(database.data);
    this.#tellUpgrade();
  }

  /** The catalogue in force. */
  current(): Catalogue {
    return this.#current;
  }

  /** Changes with what the catalogue says, not with how its file is laid out. */
  get revision(): string {
    return this.#revision;
  }

  /** Why the file is not what is in force, as sentences with file, line and column; null: it is. */
  problem(): string | null {
    return this.#problem;
  }

  /** After each change that is in force, by command or by hand. */
  onChange(listener: CatalogueListener): void {
    this.#emitter.on("change", listener);
  }

  /** From here on edits are taken and the file is watched. */
  begin(apply: ApplyCatalogue, pollIntervalMs: number = POLL_INTERVAL_MS): void {
    this.#apply = apply;
    this.#watch = this.#file.watch({
      intervalMs: pollIntervalMs,
      // What was refused for being in use is taken in once it is no longer.
      restless: () => this.#problem !== null,
      look: () => void this.#inTurn(() => this.#takeIn()).catch(() => undefined),
    });
  }

  async close(): Promise<void> {
    this.#watch?.close();
    this.#apply = null;
    await this.#lastTurn;
  }

  /**
   * Changes the catalogue: on disk and in force when it resolves. A hand edit that was not taken in yet is taken in
   * first. Throws what `change` throws, E_BAD_REQUEST with all faults, E_IN_USE, E_CATALOGUE_INVALID (the file holds a
   * broken hand edit; it is left as it is), E_CATALOGUE_CHANGED, E_CATALOGUE_FILE; then nothing has changed.
   */
  edit(change: (catalogue: Catalogue) => Catalogue): Promise<Catalogue> {
    return this.#inTurn(async () => {
      await this.#takeIn();
      const before = this.#current;
      const next = change(before);
      if (isDeepStrictEqual(next, before)) return before;
      const faults = checkCatalogue(next);
      if (faults.length > 0)
        throw new BerthError("E_BAD_REQUEST", faults.map(sentence).join("; "), { details: { faults } });
      await this.#putInForce(next);
      try {
        await this.#write(next);
      } catch (error) {
        await this.#takeBack(before, next);
        throw error;
      }
      this.#show(next, "catalogue changed");
      return next;
    });
  }

  /** One after another: each sees the outcome of the one before. */
  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(task);
    this.#lastTurn = turn.catch(() => undefined);
    return turn;
  }

  /** Brings a changed file into force. Throws when it cannot be; then that is the standing problem. */
  async #takeIn(): Promise<void> {
    try {
      if (this.#problem === null && (await this.#file.isAsSeen())) return;
      const next = await this.#file.read();
      if (next === null) {
        this.#tell(
          this.#current === EMPTY_CATALOGUE ? null : `${this.#file.path} is gone; the next change writes it anew`,
        );
      } else {
        if (!isDeepStrictEqual(next, this.#current)) {
          await this.#putInForce(next).catch((error: unknown) => {
            throw this.#located(error);
          });
          this.#show(next, "catalogue file was edited");
        }
        this.#tellUpgrade();
        this.#tell(null);
      }
    } catch (error) {
      this.#tell(fullMessage(error));
      throw error;
    }
  }

  async #putInForce(next: Catalogue): Promise<void> {
    if (this.#apply === null) throw new BerthError("E_UNAVAILABLE", "the catalogue cannot be changed now");
    await this.#apply(next);
  }

  async #write(next: Catalogue): Promise<void> {
    this.#database.data = next;
    await this.#database.write();
    this.#tell(null);
  }

  /** The file could not be written, so what was put in force must go again; if it is used by now, it stays. */
  async #takeBack(before: Catalogue, next: Catalogue): Promise<void> {
    this.#database.data = before;
    try {
      await this.#putInForce(before);
    } catch (error) {
      this.#log.error({ err: error }, "a change of the catalogue is in force that its file does not hold");
      this.#show(next, "catalogue changed");
    }
  }

  #show(next: Catalogue, what: string): void {
    const changes = describeChanges(this.#current, next);
    this.#current = next;
    this.#revision = catalogueRevision(next);
    this.#log.info({ revision: this.#revision }, `${what}: ${changes}`);
    this.#emitter.emit("change", next, this.#revision);
  }

  #tellUpgrade(): void {
    const { changes, path } = this.#file;
    if (changes.length > 0)
      this.#log.info(
        { path, version: CATALOGUE_VERSION },
        `the catalogue file is of an older version and is written as version ${CATALOGUE_VERSION} at its next change: ${changes.join("; ")}`,
      );
  }

  /** Logged once, however often it is found. */
  #tell(problem: string | null): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    if (problem === null) this.#log.info("the catalogue file is as it should be again");
    else
      this.#log.error(
        { path: this.#file.path },
        `the catalogue file is not in force, the running one stays: ${problem}`,
      );
  }

  /** The refusal of a hand edit for being in use, with the lines it is about. */
  #located(thrown: unknown): BerthError {
    const error = asBerthError(thrown);
    return error.code === "E_IN_USE" && useDetails.check(error.details)
      ? this.#file.refuse(error.details.faults)
      : error;
  }
}
