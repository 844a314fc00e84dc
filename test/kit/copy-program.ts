import { copyBlocks } from "#agent/copy/copy-blocks.ts";
import { NO_PROGRESS } from "#agent/drivers/driver.ts";
import { createLog } from "#shared/log.ts";
import { openAddress, rawFile } from "./copy-ends.ts";

/** Copies an image slowly and says each checkpoint on a line; to be killed. */
const [source = "", target = "", sizeBytes = "0", limitBytesPerS = "1"] = process.argv.slice(2);
const context = {
  guard: { assertHeld: () => undefined },
  progress: NO_PROGRESS,
  signal: AbortSignal.timeout(60_000),
  log: createLog("copy", "silent"),
};
await using from = await openAddress(context, rawFile(source), false);
await using to = await openAddress(context, rawFile(target), true);
process.stdout.write("0\n");
let toldBytes = 0;
await copyBlocks(context, {
  source: from,
  target: to,
  sizeBytes: Number(sizeBytes),
  resumeFromBytes: 0,
  targetIsFresh: true,
  bandwidthLimitBytesPerS: Number(limitBytesPerS),
  onProgress({ checkpointBytes }) {
    if (checkpointBytes > toldBytes) process.stdout.write(`${checkpointBytes}\n`);
    toldBytes = checkpointBytes;
  },
});
