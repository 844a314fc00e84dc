import type { Volume } from "#shared/model/volume.ts";

/** What every way of making a volume's record says itself. The rest is what nothing has happened to yet. */
export type GivenVolume = Pick<
  Volume,
  | "id"
  | "projectId"
  | "userId"
  | "name"
  | "description"
  | "metadata"
  | "sizeGib"
  | "flavorId"
  | "requestedZone"
  | "status"
  | "multiattach"
  | "requestId"
  | "requestedBy"
  | "createdAtMs"
  | "updatedAtMs"
> &
  Partial<Volume>;

/** Asked for, taken over or found again: a record with all its fields. */
export function newVolume(given: GivenVolume): Volume {
  return {
    zone: null,
    source: { kind: "blank" },
    parent: null,
    groupId: null,
    revertTo: null,
    backendId: null,
    triedBackendIds: [],
    placementRound: 0,
    placementDeadlineMs: null,
    claim: null,
    growth: [],
    extendToGib: null,
    chap: null,
    nameId: null,
    move: null,
    bootable: false,
    readOnly: false,
    madeThick: false,
    providerId: null,
    properties: {},
    jobCount: 0,
    historyCount: 0,
    lastError: null,
    ...given,
  };
}
