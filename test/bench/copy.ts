import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { copyBlocks } from "#agent/copy/copy-blocks.ts";
import { openEnd } from "#agent/copy/open-end.ts";
import { addressOf } from "#agent/copy/volume-end.ts";
import { ALWAYS_HELD, type CallContext, NO_PROGRESS } from "#agent/drivers/driver.ts";
import { exportOfVolume } from "#agent/drivers/names.ts";
import { TgtExport } from "#agent/export/tgt.ts";
import { createLog } from "#shared/log.ts";
import type { BlockAddress } from "#shared/model/block-address.ts";
import { SealingKey } from "#shared/sealed.ts";
import { Secret } from "#shared/secret.ts";
import { startTgtd } from "#test/kit/tgtd.ts";
import type { Figure } from "./figure.ts";
import type { Run } from "./plan.ts";

const MIB = 1024 ** 2;
const run = promisify(execFile);
const SECRET = "bench-secret-1";
const INITIATOR = "iqn.2026-01.test.bench:me";
const CONNECTOR = { host: null, ip: null, initiator: INITIATOR, multipath: false };
const SEALING_KEY = new SealingKey(randomBytes(32));
const CHAP = { username: "bench", sealedSecret: SEALING_KEY.seal(new Secret(SECRET)) };
/** Each is measured so often, by turns, and the median counts: what else the machine does falls on all alike. */
const ROUNDS = 3;

interface Place {
  readonly address: BlockAddress;
  /** The same in qemu-img's words. */
  readonly options: string;
  readonly empty: () => Promise<void>;
}

/** Copying an image, half of it holes, by our loop, by qemu-img and by dd; each ends with all on disk. */
export async function copyFigures({ plan, folder, say }: Run): Promise<Figure[]> {
  const sizeBytes = plan.copyMib * MIB;
  const [from, to, served] = ["from", "to", "served"].map((name) => join(folder, name));
  if (from === undefined || to === undefined || served === undefined) return [];
  await fill(from, plan.copyMib);
  await using tgtd = await startTgtd();
  const source = fileAt(from, sizeBytes);
  const file = fileAt(to, sizeBytes);
  await makeEmpty(served, sizeBytes);
  const target = await exported(tgtd.socketPath, tgtd.portals[0] ?? "", served, sizeBytes);
  const figures: Figure[] = [];
  for (const [name, one, other] of [
    ["file-to-file", source, file],
    ["file-to-iscsi", source, target],
    ["iscsi-to-file", target, file],
  ] as const) {
    say(`measuring copy.${name}`);
    const times = new Map<string, number[]>();
    const timed = async (what: string, work: () => Promise<unknown>): Promise<void> => {
      const startMs = performance.now();
      await work();
      times.set(what, [...(times.get(what) ?? []), performance.now() - startMs]);
    };
    const compare = () => run("qemu-img", ["compare", ...SECRET_OBJECT, "--image-opts", one.options, other.options]);
    const ways: (() => Promise<void>)[] = [
      async () => {
        await timed("qemu-img", () => convert(one, other));
        await timed("compare", compare);
      },
      async () => {
        await timed("ours", () => copy(one.address, other.address, sizeBytes));
        await compare();
      },
    ];
    if (name === "file-to-file")
      ways.push(() => timed("dd", () => run("dd", [`if=${from}`, `of=${to}`, "bs=1M", "conv=sparse,fsync,notrunc"])));
    for (let round = 0; round < ROUNDS; round++) {
      // Each is the first of a round once: a disk may take the first gulp faster than the next.
      for (let n = 0; n < ways.length; n++) {
        await settle(other);
        await ways[(round + n) % ways.length]?.();
      }
    }
    const median = (what: string): number => times.get(what)?.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0;
    const bound = { name: `raw.qemu-img-${name}`, value: median("qemu-img") + median("compare"), unit: "ms" };
    figures.push({ name: `copy.${name}`, value: median("ours"), unit: "ms", boundedBy: bound });
    figures.push({ name: `raw.qemu-img-convert-${name}`, value: median("qemu-img"), unit: "ms" });
    if (times.has("dd")) figures.push({ name: "raw.dd-sparse", value: median("dd"), unit: "ms" });
  }
  return figures;
}

/** Every second MiB holds what cannot be compressed. */
async function fill(path: string, mib: number): Promise<void> {
  await using file = await open(path, "w");
  await file.truncate(mib * MIB);
  for (let at = 0; at < mib; at += 2) await file.write(randomBytes(MIB), 0, MIB, at * MIB);
  await file.sync();
}

async function makeEmpty(path: string, sizeBytes: number): Promise<void> {
  // In place: a target goes on serving the file that it has open.
  await using file = await open(path, "a");
  await file.truncate(0);
  await file.truncate(sizeBytes);
  await file.sync();
}

function fileAt(path: string, sizeBytes: number): Place {
  return {
    address: { kind: "file", path, format: "raw" },
    options: `driver=raw,file.driver=file,file.filename=${path}`,
    empty: () => makeEmpty(path, sizeBytes),
  };
}

async function exported(socketPath: string, portal: string, path: string, sizeBytes: number): Promise<Place> {
  const iscsi = new TgtExport({ socketPath, portals: [portal] });
  const name = exportOfVolume("00000000-0000-4000-8000-00000000be0c", "rw");
  const chap = { username: CHAP.username, secret: new Secret(SECRET) };
  await iscsi.ensure(context(), { ...name, path }, chap);
  await iscsi.allow(context(), name, INITIATOR);
  const info = iscsi.connectionInfo(name, chap, false);
  const { target_iqn, target_lun, auth_username } = info.data;
  const where = `file.transport=tcp,file.portal=${portal},file.target=${target_iqn},file.lun=${target_lun}`;
  return {
    address: addressOf(info, CONNECTOR, CHAP),
    options: `driver=raw,file.driver=iscsi,${where},file.user=${String(auth_username)},file.password-secret=s,file.initiator-name=${INITIATOR}`,
    empty: () => makeEmpty(path, sizeBytes),
  };
}

const SECRET_OBJECT = ["--object", `secret,id=s,data=${SECRET}`];

/** What was written before is on disk, and the target is new. */
async function settle(target: Place): Promise<void> {
  await target.empty();
  await run("sync", []);
}

/** As ours: into a target that stands, holes kept, what was written is on disk at the end. */
async function convert(from: Place, to: Place): Promise<void> {
  const how = ["-n", "-S", "64k", "-t", "writeback", "--target-is-zero"];
  await run("qemu-img", [
    "convert",
    ...SECRET_OBJECT,
    ...how,
    "--image-opts",
    from.options,
    "--target-image-opts",
    to.options,
  ]);
  await run("sync", []);
}

async function copy(from: BlockAddress, to: BlockAddress, sizeBytes: number): Promise<void> {
  const call = context();
  await using source = await openEnd(call, { address: from, sizeBytes, writable: false, sealingKey: SEALING_KEY });
  await using target = await openEnd(call, { address: to, sizeBytes, writable: true, sealingKey: SEALING_KEY });
  await copyBlocks(call, {
    ...{ source, target, sizeBytes, resumeFromBytes: 0, targetIsFresh: true },
    ...{ bandwidthLimitBytesPerS: null, onProgress: () => undefined },
  });
}

function context(): CallContext {
  const signal = new AbortController().signal;
  return { guard: ALWAYS_HELD, progress: NO_PROGRESS, signal, log: createLog("bench", "silent") };
}
