import { randomUUID } from "node:crypto";
import type { Sealing } from "#shared/sealed.ts";
import type { MoveMeans } from "./core/commands.ts";
import { newChap } from "./new-chap.ts";

/** What a move may need that the core, without randomness, cannot make; it is thrown away where it is not needed. */
export function moveMeans(sealingKey: Sealing): Omit<MoveMeans, "bandwidthLimitBytesPerS"> {
  return { targetId: randomUUID(), attachmentId: randomUUID(), chap: newChap(sealingKey) };
}
