import { randomUUID } from "node:crypto";
import { BYTES_PER_MIB } from "#shared/units.ts";
import type { MoveMeans } from "../core/commands.ts";
import type { ApiDependencies } from "./dependencies.ts";
import { newChap } from "./openstack/connect.ts";

/** What the core, without randomness, cannot make; it is thrown away where it is not needed. */
export function moveMeans({ sealingKey }: ApiDependencies, bandwidthMibPerS: number | null): MoveMeans {
  return {
    targetId: randomUUID(),
    attachmentId: randomUUID(),
    chap: newChap(sealingKey),
    bandwidthLimitBytesPerS: bandwidthMibPerS === null ? null : bandwidthMibPerS * BYTES_PER_MIB,
  };
}
