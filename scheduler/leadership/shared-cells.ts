import type { Cell } from "#shared/bus/cell.ts";
import type { Bus } from "#shared/bus.ts";
import type { Logger } from "#shared/log.ts";
import { CatalogueFile } from "../catalogue/file.ts";
import { FilePlace } from "../catalogue/file-place.ts";
import { CatalogueService } from "../catalogue/service.ts";
import { SharedPlace } from "../catalogue/shared-place.ts";

const BUCKET = { stream: "BERTH_SHARED", subjects: "berth.shared.*" } as const;

/** Who leads. */
export function leaseCell(bus: Bus): Cell {
  return bus.cell({ ...BUCKET, subject: "berth.shared.leader" });
}

export function catalogueCell(bus: Bus): Cell {
  return bus.cell({ ...BUCKET, subject: "berth.shared.catalogue" });
}

/**
 * The catalogue that all schedulers share. The first leader takes it from the catalogue's file, if there is one; from then
 * on the file is not read any more.
 */
export async function openSharedCatalogue(cell: Cell, file: string, log: Logger): Promise<CatalogueService> {
  const place = new SharedPlace(cell);
  const ofFile = new FilePlace(file);
  // Read as a catalogue first: a broken one must not become everybody's.
  if ((await place.read()) === null && (await new CatalogueFile(ofFile).read()) !== null) {
    await place.write((await ofFile.read()) ?? "");
    log.info({ file }, "the shared catalogue begins with the file's");
  }
  return await CatalogueService.openIn(place, log);
}
