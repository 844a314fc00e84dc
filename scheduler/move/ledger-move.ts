import { randomUUID } from "node:crypto";
import { rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Bus } from "#shared/bus.ts";
import { type SchedulerConfig, schedulerConfig } from "#shared/config.ts";
import { BerthError } from "#shared/errors.ts";
import { createLog, type Logger } from "#shared/log.ts";
import { FilePlace } from "../catalogue/file-place.ts";
import { SharedPlace } from "../catalogue/shared-place.ts";
import { Lease } from "../leadership/lease.ts";
import { catalogueCell, leaseCell } from "../leadership/shared-cells.ts";
import { LedgerCopy } from "../ledger/copy.ts";
import { JetStreamLedger } from "../ledger/jetstream.ts";
import { decodeChunk, encodeChunk } from "../ledger/messages.ts";
import { LEDGER_FILE } from "../ledger/sqlite.ts";
import { busOptions } from "../reign.ts";
import { syncFolder } from "../sync-folder.ts";

const CONNECT_LIMIT_MS = 10_000;
/** Beside the lease itself: for asking. */
const LEASE_SLACK_MS = 5_000;

export interface Moved {
  /** The last commit of what was moved. */
  readonly seq: number;
  /** What stands where, for people. */
  readonly notes: readonly string[];
}

/**
 * Moves records and catalogue from the files of one scheduler to nats-server, or back, by the scheduler's own settings.
 * Nothing may run meanwhile: throws E_LEDGER_LOCKED or E_CONFLICT when a scheduler does, E_CONFLICT when the goal holds
 * records already, E_NOT_FOUND when there is nothing to move. The source is kept, and cannot be gone on with by mistake.
 */
export async function moveLedger(
  to: "nats" | "embedded",
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Moved> {
  const config = schedulerConfig(environment);
  const log = createLog("berth", "silent");
  await using closing = new AsyncDisposableStack();
  const bus = await connected(config, log);
  closing.defer(() => bus.close());
  await takeLease(bus, config, log, closing);
  return to === "nats" ? await toNats(bus, config, log) : await toFiles(bus, config, log);
}

async function toNats(bus: Bus, config: SchedulerConfig, log: Logger): Promise<Moved> {
  const path = ledgerFile(config);
  if (!(await exists(path))) throw new BerthError("E_NOT_FOUND", `there is no ledger at ${path}`);
  const catalogue = await new FilePlace(config.catalogueFile).read();
  const kept = `${path}.moved-${stamp()}`;
  let seq: number;
  {
    await using open = new AsyncDisposableStack();
    // Its lock says whether a scheduler has it.
    const file = await LedgerCopy.open(path);
    open.defer(() => file.close());
    const ledger = await openShared(bus, config, log, true);
    open.defer(() => ledger.close());
    ({ seq } = file);
    await ledger.fill(seq, file.slices());
  }
  if (catalogue !== null) await writeShared(bus, catalogue);
  await rename(path, kept);
  await syncFolder(dirname(path));
  return {
    seq,
    notes: [
      `The records are on nats-server; the file is kept as ${kept}.`,
      `The catalogue is on nats-server as well; ${config.catalogueFile} is not read any more.`,
      "Start the schedulers with BERTH_LEDGER=nats.",
    ],
  };
}

async function toFiles(bus: Bus, config: SchedulerConfig, log: Logger): Promise<Moved> {
  const path = ledgerFile(config);
  if (await exists(path)) throw new BerthError("E_CONFLICT", `there is a ledger at ${path} already`);
  await using open = new AsyncDisposableStack();
  const ledger = await openShared(bus, config, log, false);
  open.defer(() => ledger.close());
  await ledger.lead();
  if (ledger.seq === 0) throw new BerthError("E_NOT_FOUND", "the ledger on nats-server holds nothing");
  const half = `${path}.moving-${stamp()}`;
  const file = await LedgerCopy.open(half);
  await file.rebuild(ledger.seq, { log: "", position: 0, message: "" }, changesOf(ledger)).finally(() => file.close());
  const notes = await catalogueToFile(bus, config);
  await rename(half, path);
  await syncFolder(dirname(path));
  await ledger.endAsMoved();
  return {
    seq: ledger.seq,
    notes: [`The records are in ${path}.`, ...notes, "Start one scheduler without BERTH_LEDGER=nats."],
  };
}

async function catalogueToFile(bus: Bus, { catalogueFile }: SchedulerConfig): Promise<string[]> {
  const text = await new SharedPlace(catalogueCell(bus)).read();
  if (text === null) return [];
  const place = new FilePlace(catalogueFile);
  const before = await place.read();
  if (before === text) return [];
  const notes = [`The catalogue is in ${catalogueFile}.`];
  if (before !== null) {
    const kept = `${catalogueFile}.before-move-${stamp()}`;
    await rename(catalogueFile, kept);
    notes.push(`What was there before is kept as ${kept}.`);
  }
  await place.write(text, true);
  return notes;
}

async function writeShared(bus: Bus, text: string): Promise<void> {
  const place = new SharedPlace(catalogueCell(bus));
  // Whatever is there belongs to a ledger that held nothing.
  await place.read();
  await place.write(text);
}

async function openShared(
  bus: Bus,
  config: SchedulerConfig,
  log: Logger,
  evenIfMoved: boolean,
): Promise<JetStreamLedger> {
  const copyPath = join(config.dataFolder, "ledger-copy.sqlite");
  return await JetStreamLedger.open({ bus, copyPath, schedulerId: "berth ledger move", log, evenIfMoved });
}

/** As the commits of one, in the form they travel in: each is parsed on the way. */
async function* changesOf(ledger: JetStreamLedger) {
  for (const slice of ledger.slices()) yield decodeChunk(encodeChunk(slice), "the ledger");
}

/** While this has the lease no scheduler begins to lead. */
async function takeLease(
  bus: Bus,
  { leaseMs }: SchedulerConfig,
  log: Logger,
  closing: AsyncDisposableStack,
): Promise<void> {
  const cell = leaseCell(bus);
  await cell.ensure();
  const holder = { schedulerId: randomUUID(), apiUrl: "" };
  const lease = new Lease({ cell, leaseMs, holder, log });
  if (!(await lease.acquire(AbortSignal.timeout(leaseMs + LEASE_SLACK_MS))))
    throw new BerthError(
      "E_CONFLICT",
      `a scheduler leads${lease.leader === null ? "" : ` at ${lease.leader.apiUrl}`}; stop all schedulers first`,
    );
  const over = new AbortController();
  const holding = lease.hold(over.signal);
  closing.defer(async () => {
    over.abort();
    await holding;
    await lease.release();
  });
}

async function connected(config: SchedulerConfig, log: Logger): Promise<Bus> {
  const bus = Bus.connect(busOptions(config, log));
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_resolve, reject) => {
    const error = new BerthError("E_UNAVAILABLE", `nats-server does not answer at ${config.natsUrl}`);
    timer = setTimeout(() => reject(error), CONNECT_LIMIT_MS);
  });
  return await Promise.race([bus, tooLong]).finally(() => clearTimeout(timer));
}

function ledgerFile({ dataFolder }: SchedulerConfig): string {
  return join(dataFolder, LEDGER_FILE);
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}

function stamp(): string {
  return new Date().toISOString().replaceAll(/[:.]/g, "-");
}
