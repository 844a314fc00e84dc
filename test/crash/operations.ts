import { randomUUID } from "node:crypto";
import { unmanagedName } from "#scheduler/core/manage.ts";
import type { CrashPoint } from "#shared/crash-point.ts";
import type { OperationKind } from "#shared/model/operation.ts";
import type { BerthClient, SeenSnapshot, WantedVolume } from "#test/kit/berth-client.ts";
import { until } from "#test/kit/until.ts";
import { untilStatus } from "#test/kit/volumes.ts";
import { type Medium, mateOf, otherFlavor } from "./media.ts";

/** One operation as its user sees it. */
export interface Asked {
  /** Asks for it; after a lost answer again, until it resolves. What was accepted already is not asked for twice. */
  readonly ask: () => Promise<void>;
  /** Did it come to its good end? */
  readonly isDone: () => Promise<boolean>;
}

export interface CrashedOperation {
  /** What it passes on a medium beside what every operation passes; a medium that is not named has nothing of its own. */
  readonly passes: Readonly<Partial<Record<Medium, readonly CrashPoint[]>>>;
  /** Makes what it works on, on that medium, while nothing crashes. */
  readonly prepare: (client: BerthClient, medium: Medium) => Promise<Asked>;
}

export const HOST = "iqn.2026-01.test.host:crash";

/** Passed by each operation in the scheduler, whatever it is. */
export const PASSED_IN_SCHEDULER = [
  "decided",
  "committed",
  "effects-left",
  "job-offered",
] as const satisfies readonly CrashPoint[];

/** Passed by each operation in whichever agent does it. */
export const PASSED_IN_AGENT = [
  "job-taken",
  "driver-done",
  "result-committed",
] as const satisfies readonly CrashPoint[];

const MAKING = ["mark-written", "image-filled", "image-renamed"] as const satisfies readonly CrashPoint[];
const TAKING = ["image-claimed", "image-taken-over"] as const;
const LETTING_GO = ["image-linked", "image-let-go"] as const;
const REFOOTING = ["footer-taken", "footer-made", "footer-set"] as const satisfies readonly CrashPoint[];
const COPYING = { raw: MAKING, vhd: [...MAKING, ...REFOOTING] } as const;
const REVERTING = ["revert-filled", "revert-renamed"] as const satisfies readonly CrashPoint[];
const BINDING = [
  "group-marked",
  "group-filled",
  "group-bound",
  "group-renamed",
] as const satisfies readonly CrashPoint[];
const REMOVING = ["image-removed", "mark-removed"] as const satisfies readonly CrashPoint[];
const EXPORTING = ["target-made", "chap-bound", "lun-made"] as const satisfies readonly CrashPoint[];
const CLOSING = ["host-sent-away", "target-closed"] as const satisfies readonly CrashPoint[];

/** Sides of a backend are changed by its operator, one at a time: its crashes are those of `test/system/failover.test.ts`. */
export type CrashedKind = Exclude<OperationKind, "backend.failover"> | (typeof SEVERAL)[number];

/** What is asked for at once and is several jobs, one after the other. */
export const SEVERAL = ["volume.delete with snapshots"] as const;

/** All of them: one that is added without its crashes does not compile. */
export const OPERATIONS: Readonly<Record<CrashedKind, CrashedOperation>> = {
  "volume.create": {
    passes: { raw: MAKING, vhd: [...MAKING, "footer-made", "footer-set"] },
    prepare: async (client, medium) => creation(client, medium, {}),
  },
  "volume.create-from-snapshot": {
    passes: COPYING,
    prepare: async (client, medium) =>
      creation(client, medium, { snapshot_id: (await standingSnapshot(client, medium)).id }),
  },
  "volume.clone": {
    passes: COPYING,
    prepare: async (client, medium) => creation(client, medium, { source_volid: await standingVolume(client, medium) }),
  },
  "volume.delete": {
    passes: { raw: REMOVING, vhd: REMOVING },
    prepare: async (client, medium) => {
      const id = await standingVolume(client, medium);
      return {
        ask: async () => {
          if ((await client.volume(id))?.status === "available") await client.deleteVolume(id);
        },
        isDone: async () => (await client.volume(id)) === null,
      };
    },
  },
  "volume.delete with snapshots": {
    passes: { raw: REMOVING, vhd: REMOVING },
    prepare: async (client, medium) => {
      const { volume_id: id } = await standingSnapshot(client, medium);
      return {
        ask: async () => {
          if ((await client.volume(id))?.status === "available") await client.deleteVolume(id, { cascade: true });
        },
        isDone: async () => (await client.volume(id)) === null,
      };
    },
  },
  "volume.extend": {
    passes: { raw: ["image-grown"], vhd: ["footer-made", "footer-taken", "footer-set", "image-grown"] },
    prepare: async (client, medium) => {
      const id = await standingVolume(client, medium);
      return {
        ask: async () => {
          const found = await client.volume(id);
          if (found?.status === "available" && found.size === 1) await client.extendVolume(id, 2);
        },
        isDone: async () => {
          const found = await client.volume(id);
          return found?.status === "available" && found.size === 2;
        },
      };
    },
  },
  "volume.copy": {
    passes: { raw: ["window-copied"], vhd: ["window-copied"] },
    prepare: async (client, medium) => migration(client, await standingVolume(client, medium), medium, true),
  },
  "volume.migrate": {
    passes: {},
    // No other medium moves volumes by itself.
    prepare: async (client) => migration(client, await standingVolume(client, "fake"), "fake", false),
  },
  "volume.retype": {
    passes: {},
    prepare: async (client, medium) => {
      const id = await standingVolume(client, medium);
      const flavor = otherFlavor(medium);
      const isRetyped = async (): Promise<boolean> => {
        const found = await client.volume(id);
        return found?.status === "available" && found.volume_type === flavor;
      };
      return {
        ask: async () => {
          if ((await client.volume(id))?.status === "available" && !(await isRetyped()))
            await client.retypeVolume(id, flavor);
        },
        isDone: isRetyped,
      };
    },
  },
  "volume.manage": {
    passes: { raw: TAKING, vhd: TAKING },
    prepare: async (client, medium) => {
      const { host, reference } = await letGo(client, medium);
      const name = randomUUID();
      const taken = async () => (await client.volumes()).find((one) => one.name === name);
      return {
        ask: async () => {
          if ((await taken()) === undefined) await client.manageVolume(host, reference, { name, volume_type: medium });
        },
        isDone: async () => (await taken())?.status === "available",
      };
    },
  },
  "volume.unmanage": {
    passes: { raw: LETTING_GO, vhd: LETTING_GO },
    prepare: async (client, medium) => {
      const id = await standingVolume(client, medium);
      return {
        ask: async () => {
          if ((await client.volume(id))?.status === "available") await client.unmanageVolume(id);
        },
        isDone: async () => (await client.volume(id)) === null,
      };
    },
  },
  "snapshot.create": {
    passes: COPYING,
    prepare: async (client, medium) => {
      const id = await standingVolume(client, medium);
      const taken = async (): Promise<SeenSnapshot[]> =>
        (await client.snapshots()).filter(({ volume_id }) => volume_id === id);
      return {
        ask: async () => {
          if ((await taken()).length === 0) await client.createSnapshot(id);
        },
        isDone: async () => (await taken()).map(({ status }) => status).join() === "available",
      };
    },
  },
  "snapshot.delete": {
    passes: { raw: REMOVING, vhd: REMOVING },
    prepare: async (client, medium) => {
      const { id } = await standingSnapshot(client, medium);
      return {
        ask: async () => {
          if ((await client.snapshot(id))?.status === "available") await client.deleteSnapshot(id);
        },
        isDone: async () => (await client.snapshot(id)) === null,
      };
    },
  },
  "mark.write": {
    passes: { raw: ["mark-renewed"], vhd: ["mark-renewed"] },
    prepare: async (client, medium) => {
      const id = await standingVolume(client, medium);
      return {
        ask: async () => {
          if ((await client.volume(id))?.name !== id) await client.renameVolume(id, id);
        },
        // That its mark says so as well is for the agreement to see.
        isDone: async () => (await client.volume(id))?.name === id,
      };
    },
  },
  "volume.revert": {
    passes: { raw: REVERTING, vhd: [...REVERTING, ...REFOOTING] },
    prepare: async (client, medium) => {
      const { id, volume_id } = await standingSnapshot(client, medium);
      let asked = false;
      return {
        // Done twice it is done: nobody writes to it.
        ask: async () => {
          if ((await client.volume(volume_id))?.status === "available") await client.revert(volume_id, id);
          asked = true;
        },
        isDone: async () => asked && (await client.volume(volume_id))?.status === "available",
      };
    },
  },
  "group-snapshot.create": {
    passes: { raw: BINDING, vhd: [...BINDING, ...REFOOTING] },
    prepare: async (client, medium) => {
      const groupId = await group(client, medium);
      const taken = async (): Promise<string[]> =>
        (await client.groupSnapshots()).filter(({ group_id }) => group_id === groupId).map(({ status }) => status);
      return {
        ask: async () => {
          if ((await taken()).length === 0) await client.createGroupSnapshot(groupId);
        },
        isDone: async () => (await taken()).join() === "available",
      };
    },
  },
  "group-snapshot.delete": {
    passes: { raw: REMOVING, vhd: REMOVING },
    prepare: async (client, medium) => {
      const groupId = await group(client, medium);
      const { id } = await client.createGroupSnapshot(groupId);
      const seen = async () => (await client.groupSnapshots()).find((taken) => taken.id === id);
      await until("the group snapshot is there", async () => (await seen())?.status === "available");
      return {
        ask: async () => {
          if ((await seen())?.status === "available") await client.deleteGroupSnapshot(id);
        },
        isDone: async () => (await seen()) === undefined,
      };
    },
  },
  "attachment.connect": {
    passes: { raw: EXPORTING, vhd: ["footer-taken", ...EXPORTING] },
    prepare: async (client, medium) => {
      const id = await standingVolume(client, medium);
      return {
        ask: async () => {
          await client.connect(id, HOST);
        },
        isDone: async () => (await client.volume(id))?.status === "in-use",
      };
    },
  },
  "attachment.disconnect": {
    passes: { raw: CLOSING, vhd: [...CLOSING, "footer-made", "footer-set"] },
    prepare: async (client, medium) => {
      const id = await standingVolume(client, medium);
      await client.connect(id, HOST);
      return {
        ask: async () => {
          if ((await client.volume(id))?.status === "in-use") await client.disconnect(id, HOST);
        },
        isDone: async () => (await client.volume(id))?.status === "available",
      };
    },
  },
  "attachment.connect-snapshot": {
    passes: { raw: EXPORTING, vhd: ["footer-taken", ...EXPORTING] },
    prepare: async (client, medium) => {
      const { id } = await standingSnapshot(client, medium);
      return {
        ask: async () => {
          await client.connectSnapshot(id, HOST);
        },
        isDone: async () =>
          (await client.attachments("snapshots", id)).map(({ status }) => status).join() === "attached",
      };
    },
  },
  "attachment.disconnect-snapshot": {
    passes: { raw: CLOSING, vhd: [...CLOSING, "footer-made", "footer-set"] },
    prepare: async (client, medium) => {
      const { id } = await standingSnapshot(client, medium);
      await client.connectSnapshot(id, HOST);
      return {
        ask: async () => await client.disconnectSnapshot(id, HOST),
        isDone: async () => (await client.attachments("snapshots", id)).length === 0,
      };
    },
  },
};

/** All kinds, in the table's order. */
export function operationKinds(): CrashedKind[] {
  return Object.keys(OPERATIONS).filter(isOperationKind);
}

/** What the agent that does it passes. */
export function agentPoints(kind: CrashedKind, medium: Medium): CrashPoint[] {
  return [...PASSED_IN_AGENT, ...ownPoints(kind, medium)];
}

/** What the medium's driver passes of it. */
export function ownPoints(kind: CrashedKind, medium: Medium): readonly CrashPoint[] {
  return OPERATIONS[kind].passes[medium] ?? [];
}

function isOperationKind(name: string): name is CrashedKind {
  return Object.hasOwn(OPERATIONS, name);
}

/** By its name, which is its key, a volume that was made twice would be found. */
export function creation(client: BerthClient, medium: Medium, wanted: WantedVolume): Asked {
  const key = randomUUID();
  let id: string | null = null;
  return {
    ask: async () => {
      const made = await client.createVolume({ volume_type: medium, ...wanted, name: key }, { "idempotency-key": key });
      id = made.id;
    },
    isDone: async () => id !== null && (await client.volume(id))?.status === "available",
  };
}

/** Of two volumes. */
async function group(client: BerthClient, medium: Medium): Promise<string> {
  const volumeIds = [await standingVolume(client, medium), await standingVolume(client, medium)];
  return await client.createGroup(medium, volumeIds);
}

function migration(client: BerthClient, id: string, medium: Medium, forceCopy: boolean): Asked {
  const backend = mateOf(medium);
  const host = `berth@${backend}#${backend}`;
  const isThere = async (): Promise<boolean> => {
    const found = await client.volume(id);
    return found?.status === "available" && found["os-vol-host-attr:host"] === host;
  };
  return {
    ask: async () => {
      if ((await client.volume(id))?.status === "available" && !(await isThere()))
        await client.beginMove(id, { backend, forceCopy });
    },
    isDone: isThere,
  };
}

async function standingVolume(client: BerthClient, medium: Medium): Promise<string> {
  const { id } = await client.createVolume({ volume_type: medium });
  await untilStatus(client, id, "available");
  return id;
}

/** Something on a backend that is nobody's. */
async function letGo(
  client: BerthClient,
  medium: Medium,
): Promise<{ readonly host: string; readonly reference: string }> {
  const id = await standingVolume(client, medium);
  const host = (await client.volume(id))?.["os-vol-host-attr:host"] ?? "";
  await client.unmanageVolume(id);
  await until("it is let go of", async () => (await client.volume(id)) === null);
  return { host, reference: unmanagedName(id) };
}

async function standingSnapshot(client: BerthClient, medium: Medium): Promise<SeenSnapshot> {
  const { id } = await client.createSnapshot(await standingVolume(client, medium));
  return await untilStatus(client, id, "available", "snapshot");
}
