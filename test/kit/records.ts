import type { Job } from "#shared/model/job.ts";
import type { PlacementRecord } from "#shared/model/placement.ts";
import type { Volume } from "#shared/model/volume.ts";

/** The n-th of a row of well-formed UUIDs. */
export function uuid(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;
}

/** An available volume of 1 GiB on backend 1; `id` and what else matters to a test is given. */
export function volumeRecord(fields: Partial<Volume> = {}): Volume {
  return {
    id: uuid(1),
    projectId: "default",
    userId: "tester",
    name: "data",
    description: "",
    metadata: {},
    sizeGib: 1,
    flavorId: uuid(0xf1),
    requestedZone: "north",
    zone: "north",
    source: { kind: "blank" },
    parent: null,
    groupId: null,
    revertTo: null,
    status: "available",
    backendId: 1,
    triedBackendIds: [],
    placementRound: 1,
    placementDeadlineMs: null,
    claim: { virtualBytes: 1024 ** 3, physicalBytes: 0, settledSeq: 2 },
    growth: [],
    nameId: null,
    move: null,
    extendToGib: null,
    chap: null,
    bootable: false,
    readOnly: false,
    multiattach: false,
    madeThick: false,
    providerId: null,
    properties: {},
    jobCount: 1,
    historyCount: 0,
    lastError: null,
    requestId: "req-1",
    requestedBy: "tester",
    createdAtMs: 1_760_000_000_000,
    updatedAtMs: 1_760_000_000_000,
    ...fields,
  };
}

/** A waiting job that creates `volumeRecord`. */
export function jobRecord(fields: Partial<Job> = {}): Job {
  return {
    id: `${uuid(1)}-1`,
    owner: { kind: "volume", id: uuid(1) },
    operation: {
      kind: "volume.create",
      volume: { id: uuid(1), sizeBytes: 1024 ** 3, providerId: null, properties: {} },
      mark: { projectId: "default", flavorName: "gold", name: "data" },
    },
    backendId: 1,
    zone: "north",
    host: null,
    serialKeys: [uuid(1)],
    attempt: 1,
    dispatched: false,
    notBeforeMs: 0,
    deadlineMs: null,
    timeoutMs: 1000,
    checkpointBytes: 0,
    userId: "tester",
    requestId: "req-1",
    createdAtMs: 1_760_000_000_000,
    ...fields,
  };
}

/** A round of placing that chose backend 1 of one candidate. */
export function placementRecord(fields: Partial<PlacementRecord> = {}): PlacementRecord {
  return {
    volumeId: uuid(1),
    round: 1,
    atMs: 1_760_000_000_000,
    flavorName: "gold",
    requestedZone: null,
    sizeGib: 1,
    chosenBackendId: 1,
    verdicts: [
      { backendId: 1, backendName: "a", fits: true, reason: null, detail: null, arithmetic: null, reportAgeMs: 20 },
    ],
    ...fields,
  };
}
