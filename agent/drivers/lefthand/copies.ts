import { type CallContext, DriverError, LeaseLost } from "../driver.ts";
import { objectOfName } from "../names.ts";
import type { SanRef, WantedObject } from "../san/array.ts";
import { doneOrFound, doneOrStands } from "../san/made-once.ts";
import type { Cliq } from "./cliq.ts";
import type { Mark } from "./mark.ts";
import { type LeftHandObject, madeObject, printedMark, sizeWord, standsUpon } from "./objects.ts";
import { CliqRefusal } from "./results.ts";

const SOURCE_SUFFIX = ".source";

/** The snapshot that is made for one clone alone. */
export function cloneSourceName(volumeName: string): string {
  return `${volumeName}${SOURCE_SUFFIX}`;
}

/** Of which volume's making it is a part; null: of none. */
export function volumeOfCloneSource(name: string): string | null {
  if (!name.endsWith(SOURCE_SUFFIX)) return null;
  const object = objectOfName(name.slice(0, -SOURCE_SUFFIX.length));
  return object?.kind === "volume" ? object.id : null;
}

export interface CopyTools {
  readonly cliq: Cliq;
  readonly find: (context: CallContext, ref: SanRef) => Promise<LeftHandObject | null>;
  readonly print: (mark: Mark) => string;
}

/**
 * SmartClones: thin volumes of their snapshot's size, on its blocks. What is larger or thick is made so afterwards; until
 * then its mark says that it is not finished, so that it can be gone on with, or removed.
 */
export class Copies {
  readonly #tools: CopyTools;
  readonly #cliq: Cliq;

  constructor(tools: CopyTools) {
    this.#tools = tools;
    this.#cliq = tools.cliq;
  }

  async fromSnapshot(
    context: CallContext,
    wanted: WantedObject,
    snapshot: SanRef,
    thick: boolean,
  ): Promise<LeftHandObject> {
    const unfinished = snapshot.sizeBytes !== wanted.sizeBytes || thick;
    return await this.#clone(context, wanted, snapshot, { unfinished, snapshotId: snapshot.id });
  }

  /** With a snapshot of its own, which merges into the clone when it is finished; where it cannot go, it goes with the clone. */
  async fromVolume(context: CallContext, wanted: WantedObject, source: SanRef): Promise<LeftHandObject> {
    const there = await this.#tools.find(context, wanted);
    if (there !== null) return there;
    const snapshotName = cloneSourceName(wanted.name);
    const { mark } = wanted;
    const description = this.#tools.print({ ...mark, state: "unfinished", aboutId: null });
    const make = { volumeName: source.name, snapshotName, description, inheritAccess: false };
    return await this.#orUndone(context, wanted, async () => {
      await doneOrStands(
        () => this.#cliq.change(context, "createSnapshot", make),
        async () => (await this.#cliq.snapshot(context, snapshotName)) !== null,
      );
      const from = { name: snapshotName, sizeBytes: source.sizeBytes };
      return await this.#clone(context, wanted, from, { unfinished: true, snapshotId: null });
    });
  }

  /** Its size, its provisioning, and its snapshot, if that is its own; then its mark says so. */
  async finish(context: CallContext, begun: LeftHandObject, wanted: WantedObject, thick: boolean) {
    const { name, sizeBytes } = wanted;
    return await this.#orUndone(context, wanted, async () => {
      const snapshotId = begun.parent?.id ?? null;
      const alone = snapshotId !== null || (await this.removeSource(context, name));
      const state = alone ? "whole" : "on-own-snapshot";
      const done = { ...begun, sizeBytes, state, unfinished: false, ...standsUpon(state, snapshotId) } as const;
      const description = this.#tools.print(printedMark({ ...done, mark: wanted.mark }));
      const thin = thick ? { thinProvision: false } : {};
      const change = { volumeName: name, size: sizeWord(sizeBytes), description, ...thin };
      await doneOrStands(
        () => this.#cliq.change(context, "modifyVolume", change),
        async () => {
          const found = await this.#tools.find(context, wanted);
          return found?.state === state && found.sizeBytes === sizeBytes;
        },
      );
      return done;
    });
  }

  /** false: it cannot go before the clone. */
  async removeSource(context: CallContext, volumeName: string): Promise<boolean> {
    const snapshotName = cloneSourceName(volumeName);
    try {
      await this.#cliq.change(context, "deleteSnapshot", { snapshotName, prompt: false });
      return true;
    } catch (error) {
      if (!(error instanceof CliqRefusal)) throw error;
      if (error.meaning === "not-found") return true;
      if (error.isClonePoint) return false;
      if ((await this.#cliq.snapshot(context, snapshotName)) === null) return true;
      throw error.ifNothing;
    }
  }

  /** As large as its snapshot. */
  async #clone(
    context: CallContext,
    wanted: WantedObject,
    snapshot: Pick<SanRef, "name" | "sizeBytes">,
    { unfinished, snapshotId }: { readonly unfinished: boolean; readonly snapshotId: string | null },
  ): Promise<LeftHandObject> {
    const state = unfinished ? "unfinished" : "whole";
    const description = this.#tools.print({ ...wanted.mark, state, aboutId: snapshotId });
    const make = { snapshotName: snapshot.name, volumeName: wanted.name, description };
    return await doneOrFound(
      async () => {
        await this.#cliq.change(context, "cloneSnapshot", make);
        const made = madeObject({ ...wanted, sizeBytes: snapshot.sizeBytes });
        return { ...made, state, unfinished, ...standsUpon(state, snapshotId) };
      },
      async () => await this.#tools.find(context, wanted),
    );
  }

  /** What was refused leaves nothing. What stands there and is whole is not touched. */
  async #orUndone<T>(context: CallContext, wanted: WantedObject, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof DriverError && error.outcome !== "unknown") await this.#undo(context, wanted);
      throw error;
    }
  }

  /** What it cannot remove now, whoever deletes the volume does. */
  async #undo(context: CallContext, wanted: WantedObject): Promise<void> {
    const { name } = wanted;
    try {
      const found = await this.#tools.find(context, wanted);
      if (found?.unfinished === true)
        await this.#cliq.change(context, "deleteVolume", { volumeName: name, prompt: false });
      await this.removeSource(context, name);
    } catch (error) {
      if (error instanceof LeaseLost) throw error;
      context.log.warn({ err: error, volume: name }, "what was begun of a copy could not be removed");
    }
  }
}
