import type { OwnerMark } from "#shared/model/operation.ts";
import type { CallContext } from "../driver.ts";
import { DriverError, LeaseLost } from "../driver.ts";
import { objectOfName } from "../names.ts";
import type { CliqVolume } from "./answer.ts";
import type { Cliq } from "./cliq.ts";
import type { Mark, MarkState } from "./mark.ts";
import { findVolume, type Ours, sizeWord } from "./objects.ts";
import { CliqRefusal } from "./results.ts";
import { outOrStands } from "./stands.ts";

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

export interface WantedCopy {
  readonly name: string;
  readonly sizeBytes: number;
  readonly thick: boolean;
  readonly owner: OwnerMark;
  /** The snapshot that it stands upon afterwards; null: one of its own, which goes. */
  readonly parentId: string | null;
}

export type PrintMark = (mark: Omit<Mark, "writtenAtMs">) => string;

/**
 * SmartClones: thin volumes of their snapshot's size, on its blocks. What is larger or thick is made so afterwards; until
 * then its mark says that it is not finished, so that it can be gone on with, or removed.
 */
export class Copies {
  readonly #cliq: Cliq;
  readonly #print: PrintMark;

  constructor(cliq: Cliq, print: PrintMark) {
    this.#cliq = cliq;
    this.#print = print;
  }

  async fromSnapshot(
    context: CallContext,
    snapshotName: string,
    snapshotBytes: number,
    wanted: WantedCopy,
  ): Promise<void> {
    const ready = snapshotBytes === wanted.sizeBytes && !wanted.thick;
    const found = await this.#clone(context, snapshotName, wanted, ready ? "whole" : "unfinished");
    if (found.mark.state !== "unfinished") return;
    await this.#orUndone(context, wanted.name, () => this.#finish(context, wanted, "whole"));
  }

  /** With a snapshot of its own, which merges into the clone when it is deleted; where it cannot go, it goes with the clone. */
  async fromVolume(context: CallContext, sourceName: string, wanted: WantedCopy): Promise<"alone" | "on-own-snapshot"> {
    const there = await findVolume(this.#cliq, context, wanted.name);
    assertSame(wanted, there);
    if (there !== null && there.mark.state !== "unfinished") return dependence(there.mark.state);
    return await this.#orUndone(context, wanted.name, async () => {
      if (there === null) await this.#cloneAnew(context, sourceName, wanted);
      const state = (await this.removeSource(context, wanted.name)) ? "whole" : "on-own-snapshot";
      await this.#finish(context, wanted, state);
      return dependence(state);
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
      throw error;
    }
  }

  async #cloneAnew(context: CallContext, sourceName: string, wanted: WantedCopy): Promise<void> {
    const snapshotName = cloneSourceName(wanted.name);
    const description = this.#print({ state: "unfinished", aboutId: null, owner: wanted.owner });
    const make = { volumeName: sourceName, snapshotName, description, inheritAccess: false };
    await outOrStands(
      this.#cliq.change(context, "createSnapshot", make),
      async () => (await this.#cliq.snapshot(context, snapshotName)) !== null,
    );
    await this.#clone(context, snapshotName, wanted, "unfinished");
  }

  /** What was refused leaves nothing. What stands there and is whole is not touched. */
  async #orUndone<T>(context: CallContext, name: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof DriverError && error.outcome !== "unknown") await this.#undo(context, name);
      throw error;
    }
  }

  /** What it cannot remove now, whoever deletes the volume does. */
  async #undo(context: CallContext, name: string): Promise<void> {
    try {
      const found = await findVolume(this.#cliq, context, name);
      if (found?.mark.state === "unfinished")
        await this.#cliq.change(context, "deleteVolume", { volumeName: name, prompt: false });
      await this.removeSource(context, name);
    } catch (error) {
      if (error instanceof LeaseLost) throw error;
      context.log.warn({ err: error, volume: name }, "what was begun of a copy could not be removed");
    }
  }

  async #clone(
    context: CallContext,
    snapshotName: string,
    wanted: WantedCopy,
    state: MarkState,
  ): Promise<{ mark: Pick<Mark, "state"> }> {
    const { name, owner, parentId } = wanted;
    const description = this.#print({ state, aboutId: parentId, owner });
    let found: Ours<CliqVolume> | null = null;
    const make = this.#cliq.change(context, "cloneSnapshot", { snapshotName, volumeName: name, description });
    await outOrStands(make, async () => {
      found = await findVolume(this.#cliq, context, name);
      assertSame(wanted, found);
      return found !== null;
    });
    return found ?? { mark: { state } };
  }

  async #finish(
    context: CallContext,
    { name, sizeBytes, thick, owner, parentId }: WantedCopy,
    state: MarkState,
  ): Promise<void> {
    const description = this.#print({ state, aboutId: parentId, owner });
    const thin = thick ? { thinProvision: false } : {};
    const change = { volumeName: name, size: sizeWord(sizeBytes), description, ...thin };
    await outOrStands(this.#cliq.change(context, "modifyVolume", change), async () => {
      const found = await findVolume(this.#cliq, context, name);
      return found !== null && found.mark.state === state && found.sizeBytes === sizeBytes;
    });
  }
}

/** One that is finished has its size; one that is not may have its snapshot's yet. */
function assertSame({ name, sizeBytes }: WantedCopy, found: Ours<CliqVolume> | null): void {
  if (found === null || found.sizeBytes === sizeBytes) return;
  if (found.mark.state === "unfinished" && found.sizeBytes < sizeBytes) return;
  throw new DriverError("not-done", `${name} is there with ${found.sizeBytes} bytes`);
}

function dependence(state: MarkState): "alone" | "on-own-snapshot" {
  return state === "on-own-snapshot" ? state : "alone";
}
