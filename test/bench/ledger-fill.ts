import { randomUUID } from "node:crypto";
import { openSqliteLedger } from "#scheduler/ledger/sqlite.ts";
import type { Backend, Catalogue, Flavor } from "#shared/model/catalogue.ts";
import type { PlacementRecord } from "#shared/model/placement.ts";
import { type Change, changeOf, detailId } from "#shared/model/records.ts";
import type { Volume } from "#shared/model/volume.ts";
import { BYTES_PER_GIB } from "#shared/units.ts";

const PER_COMMIT = 2000;
const BEGIN_MS = 1_760_000_000_000;
const SIZES_GIB = [1, 5, 10, 20, 50];

/** Puts volumes into a new ledger as creating them would have, each with its round of placing, through the contract. */
export async function fillLedger(path: string, catalogue: Catalogue, projectId: string, count: number): Promise<void> {
  const flavors = catalogue.flavors.filter(({ backends }) => backends.length > 0);
  const ledger = await openSqliteLedger(path);
  try {
    let seq = 0;
    for (let first = 0; first < count; first += PER_COMMIT) {
      seq += 1;
      const changes: Change[] = [];
      for (let n = first; n < Math.min(count, first + PER_COMMIT); n++) {
        const flavor = flavors[n % flavors.length];
        const candidates = flavor?.backends.flatMap((id) => catalogue.backends.find((one) => one.id === id) ?? []);
        const chosen = candidates?.[n % candidates.length];
        if (flavor === undefined || candidates === undefined || chosen === undefined) continue;
        const volume = volumeOf(n, seq, projectId, flavor, chosen);
        const round = placementOf(volume, flavor, candidates, chosen);
        changes.push(changeOf("volume", volume.id, volume), changeOf("placement", detailId(volume.id, 1), round));
      }
      await ledger.commit(seq, changes);
    }
  } finally {
    await ledger.close();
  }
}

function volumeOf(n: number, seq: number, projectId: string, flavor: Flavor, backend: Backend): Volume {
  const id = randomUUID();
  const sizeGib = SIZES_GIB[n % SIZES_GIB.length] ?? 1;
  const createdAtMs = BEGIN_MS + n * 1000;
  return {
    id,
    projectId,
    userId: "admin",
    name: `database-${n}`,
    description: n % 3 === 0 ? "primary data volume of a customer's database" : "",
    metadata: n % 2 === 0 ? { app: "database", tier: `tier-${n % 5}` } : {},
    sizeGib,
    flavorId: flavor.id,
    requestedZone: backend.zone,
    zone: backend.zone,
    source: { kind: "blank" },
    parent: null,
    groupId: null,
    revertTo: null,
    status: "available",
    backendId: backend.id,
    triedBackendIds: [],
    placementRound: 1,
    placementDeadlineMs: null,
    claim: { virtualBytes: sizeGib * BYTES_PER_GIB, physicalBytes: sizeGib * BYTES_PER_GIB, settledSeq: seq },
    growth: [],
    nameId: null,
    move: null,
    extendToGib: null,
    chap: null,
    bootable: false,
    readOnly: false,
    multiattach: false,
    madeThick: false,
    providerId: `volume-${id}`,
    properties: {},
    jobCount: 1,
    historyCount: 1,
    lastError: null,
    requestId: `req-${randomUUID()}`,
    requestedBy: "admin",
    createdAtMs,
    updatedAtMs: createdAtMs + 5,
  };
}

/** The verdicts of first fit: the candidates before the chosen one were full or elsewhere. */
function placementOf(volume: Volume, flavor: Flavor, candidates: readonly Backend[], chosen: Backend): PlacementRecord {
  const needed = volume.sizeGib * BYTES_PER_GIB;
  const sum = { constraint: "provisioned", needed, total: 2 ** 46, free: 2 ** 45, reserved: 0, ratio: 1 } as const;
  const judged = candidates.slice(0, candidates.indexOf(chosen) + 1);
  return {
    volumeId: volume.id,
    round: 1,
    atMs: volume.createdAtMs,
    flavorName: flavor.name,
    requestedZone: volume.requestedZone,
    sizeGib: volume.sizeGib,
    chosenBackendId: chosen.id,
    verdicts: judged.map((backend) => {
      const elsewhere = backend.zone !== volume.requestedZone;
      const fits = backend === chosen;
      return {
        backendId: backend.id,
        backendName: backend.name,
        fits,
        reason: fits ? null : elsewhere ? "wrong-zone" : "not-enough-free",
        detail: elsewhere ? backend.zone : null,
        arithmetic: elsewhere
          ? null
          : { ...sum, available: fits ? 2 ** 44 : 0, provisioned: 2 ** 45, unmeasured: needed },
        reportAgeMs: elsewhere ? null : 1200,
      };
    }),
  };
}
