import { randomUUID } from "node:crypto";
import type { CrashPoint } from "#shared/crash-point.ts";
import type { OperationKind } from "#shared/model/operation.ts";
import type { BerthClient, SeenSnapshot, WantedVolume } from "#test/kit/berth-client.ts";
import { until } from "#test/kit/until.ts";
import { untilStatus } from "#test/kit/volumes.ts";

/** One operation as its user sees it. */
export interface Asked {
  /** Asks for it; after a lost answer again, until it resolves. What was accepted already is not asked for twice. */
  readonly ask: () => Promise<void>;
  /** Did it come to its good end? */
  readonly isDone: () => Promise<boolean>;
}

export interface CrashedOperation {
  /** What it passes beside what every operation passes. */
  readonly passes: readonly CrashPoint[];
  /** Makes what it works on, while nothing crashes. */
  readonly prepare: (client: BerthClient) => Promise<Asked>;
}

const HOST = "iqn.2026-01.test.host:crash";

/** Passed by each operation: the scheduler's own, and those of whoever does a job. */
export const PASSED_BY_ALL = [
  "decided",
  "committed",
  "effects-left",
  "job-offered",
  "job-taken",
  "driver-done",
  "result-committed",
] as const satisfies readonly CrashPoint[];

const MAKING = ["mark-written", "image-filled", "image-renamed"] as const satisfies readonly CrashPoint[];
const REMOVING = ["image-removed", "mark-removed"] as const satisfies readonly CrashPoint[];

/** All of them: one that is added without its crashes does not compile. */
export const OPERATIONS: Readonly<Record<OperationKind, CrashedOperation>> = {
  "volume.create": {
    passes: MAKING,
    prepare: async (client) => creation(client, {}),
  },
  "volume.create-from-snapshot": {
    passes: MAKING,
    prepare: async (client) => creation(client, { snapshot_id: (await snapshot(client)).id }),
  },
  "volume.clone": {
    passes: MAKING,
    prepare: async (client) => creation(client, { source_volid: await volume(client) }),
  },
  "volume.delete": {
    passes: REMOVING,
    prepare: async (client) => {
      const id = await volume(client);
      return {
        ask: async () => {
          if ((await client.volume(id))?.status === "available") await client.deleteVolume(id);
        },
        isDone: async () => (await client.volume(id)) === null,
      };
    },
  },
  "volume.extend": {
    passes: ["image-grown"],
    prepare: async (client) => {
      const id = await volume(client);
      const isExtended = async (): Promise<boolean> => {
        const found = await client.volume(id);
        return found?.status === "available" && found.size === 2;
      };
      return {
        ask: async () => {
          const found = await client.volume(id);
          if (found?.status === "available" && found.size === 1) await client.extendVolume(id, 2);
        },
        isDone: isExtended,
      };
    },
  },
  "snapshot.create": {
    passes: MAKING,
    prepare: async (client) => {
      const id = await volume(client);
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
    passes: REMOVING,
    prepare: async (client) => {
      const { id } = await snapshot(client);
      return {
        ask: async () => {
          if ((await client.snapshot(id))?.status === "available") await client.deleteSnapshot(id);
        },
        isDone: async () => (await client.snapshot(id)) === null,
      };
    },
  },
  "volume.revert": {
    passes: ["revert-filled", "revert-renamed"],
    prepare: async (client) => {
      const { id, volume_id } = await snapshot(client);
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
    passes: ["group-marked", "group-filled", "group-bound", "group-renamed"],
    prepare: async (client) => {
      const groupId = await group(client);
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
    passes: REMOVING,
    prepare: async (client) => {
      const groupId = await group(client);
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
    passes: ["target-made", "chap-bound", "lun-made"],
    prepare: async (client) => {
      const id = await volume(client);
      return {
        ask: async () => {
          await client.connect(id, HOST);
        },
        isDone: async () => (await client.volume(id))?.status === "in-use",
      };
    },
  },
  "attachment.disconnect": {
    passes: ["host-sent-away", "target-closed"],
    prepare: async (client) => {
      const id = await volume(client);
      await client.connect(id, HOST);
      return {
        ask: async () => {
          if ((await client.volume(id))?.status === "in-use") await client.disconnect(id, HOST);
        },
        isDone: async () => (await client.volume(id))?.status === "available",
      };
    },
  },
};

/** All kinds, in the table's order. */
export function operationKinds(): OperationKind[] {
  return Object.keys(OPERATIONS).filter(isOperationKind);
}

export function pointsOf(kind: OperationKind): CrashPoint[] {
  return [...PASSED_BY_ALL, ...OPERATIONS[kind].passes];
}

function isOperationKind(name: string): name is OperationKind {
  return Object.hasOwn(OPERATIONS, name);
}

function creation(client: BerthClient, wanted: WantedVolume): Asked {
  const key = randomUUID();
  let id: string | null = null;
  return {
    ask: async () => {
      id = (await client.createVolume({ ...wanted, name: key }, { "idempotency-key": key })).id;
    },
    isDone: async () => id !== null && (await client.volume(id))?.status === "available",
  };
}

/** Of two volumes. */
async function group(client: BerthClient): Promise<string> {
  return await client.createGroup("gold", [await volume(client), await volume(client)]);
}

async function volume(client: BerthClient): Promise<string> {
  const { id } = await client.createVolume({});
  await untilStatus(client, id, "available");
  return id;
}

async function snapshot(client: BerthClient): Promise<SeenSnapshot> {
  const { id } = await client.createSnapshot(await volume(client));
  return await untilStatus(client, id, "available", "snapshot");
}
