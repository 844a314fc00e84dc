import type { CallContext } from "../drivers/driver.ts";
import type { BlockEnd } from "./block-end.ts";
import { type Copied, copyBlocks } from "./copy-blocks.ts";

export interface VolumeCopy {
  readonly source: BlockEnd;
  readonly target: BlockEnd;
  readonly sizeBytes: number;
  readonly bandwidthLimitBytesPerS: number | null;
}

/**
 * Copies a volume into one that was made for it, as (a part of) a job: goes on where an earlier try of the job came, and
 * tells how far it is. The source must not change until the job is over.
 */
export async function copyVolume(context: CallContext, copy: VolumeCopy): Promise<Copied> {
  const { sizeBytes } = copy;
  const checkpointBytes = await context.progress.checkpointBytes();
  return await copyBlocks(context, {
    ...copy,
    resumeFromBytes: Math.min(checkpointBytes, sizeBytes),
    targetIsFresh: true,
    onProgress: (step) => context.progress.tell({ ...step, totalBytes: sizeBytes }),
  });
}
