import { formatGib } from "#shared/units.ts";
import { type CallContext, DriverError } from "../driver.ts";
import { answers, type ElementCapacity } from "./answers.ts";
import type { ElementClient } from "./client.ts";
import { isRefusal } from "./refusal.ts";

export async function capacityOf(client: ElementClient, context: CallContext): Promise<ElementCapacity> {
  const call = { method: "GetClusterCapacity", answer: answers.capacity, does: "read" } as const;
  return (await client.call(context, call)).clusterCapacity;
}

/**
 * One error stands for every limit there is. Whether the refusal was for want of space is told by the figures: what was
 * asked for would pass what may be promised, or the cluster is full.
 */
export async function explainedSpace<T>(
  client: ElementClient,
  context: CallContext,
  neededBytes: number,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isRefusal(error, "xExceededLimit", "xInsufficientSpace", "xSliceFull")) throw error;
    const { provisionedSpace, maxOverProvisionableSpace } = await capacityOf(client, context);
    const leftBytes = maxOverProvisionableSpace - provisionedSpace;
    if (neededBytes > leftBytes)
      throw new DriverError(
        "no-space",
        `${formatGib(neededBytes)} are more than the ${formatGib(Math.max(0, leftBytes))} that the cluster may still promise`,
        { cause: error },
      );
    if (await isFull(client, context))
      throw new DriverError("no-space", "the cluster is so full that it makes nothing more", { cause: error });
    throw error;
  }
}

/** At stage 4 nothing is copied any more, at 5 nothing is written. */
async function isFull(client: ElementClient, context: CallContext): Promise<boolean> {
  const call = { method: "GetClusterFullThreshold", answer: answers.fullness, does: "read" } as const;
  return /^stage[45]/.test((await client.call(context, call)).fullness);
}
