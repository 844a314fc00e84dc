import type { BlockAddress, FileAddress, IscsiAddress } from "#shared/model/block-address.ts";
import type { Sealing } from "#shared/sealed.ts";
import { type CallContext, DriverError } from "../drivers/driver.ts";
import { type BlockEnd, emptyEnd } from "./block-end.ts";
import { nbdEnd } from "./nbd-end.ts";
import { fileImage, iscsiImage } from "./qemu-image.ts";
import { type Connected, serveImage } from "./qemu-nbd.ts";
import { readingDirectly } from "./raw-file.ts";

export interface EndWanted {
  readonly address: BlockAddress;
  /** What the volume should have; of a backend that moves no bytes nothing else is known. */
  readonly sizeBytes: number;
  readonly writable: boolean;
  readonly sealingKey: Pick<Sealing, "open">;
}

/** Opens one end of a copy. It closes with the call's signal, at its disposal, and with this process. */
export async function openEnd(context: CallContext, wanted: EndWanted): Promise<BlockEnd> {
  const { address, writable, sealingKey } = wanted;
  switch (address.kind) {
    case "none":
      return emptyEnd(wanted.sizeBytes);
    case "file":
      return await fileEnd(context, address, writable);
    case "iscsi":
      return await nbdEnd(await overAnyPortal(context, address, writable, sealingKey), writable);
  }
}

async function fileEnd(context: CallContext, address: FileAddress, writable: boolean): Promise<BlockEnd> {
  const served = await serveImage(context, { image: fileImage(address), writable, secret: null });
  const end = await nbdEnd(served, writable);
  return address.format === "raw" ? await readingDirectly(end, address.path) : end;
}

async function overAnyPortal(
  context: CallContext,
  address: IscsiAddress,
  writable: boolean,
  sealingKey: Pick<Sealing, "open">,
): Promise<Connected> {
  const secret = address.chap === null ? null : sealingKey.open(address.chap.sealedSecret);
  let failure: unknown;
  for (const portal of address.portals) {
    try {
      return await serveImage(context, { image: iscsiImage(address, portal), writable, secret });
    } catch (error) {
      if (context.signal.aborted || !(error instanceof DriverError)) throw error;
      failure = error;
    }
  }
  throw failure;
}
