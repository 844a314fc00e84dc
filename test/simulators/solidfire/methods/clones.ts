import { randomUUID } from "node:crypto";
import { type Cluster, snapshotFile, volumeFile } from "../cluster.ts";
import { ElementError, noSnapshot } from "../element-error.ts";
import { CURVE } from "../limits.ts";
import { ACCESSES, type AsyncJob, type Volume } from "../state.ts";
import { timeText, volumeView } from "../views.ts";
import { attributesOf, type Methods } from "./method.ts";
import { allowedSize, assertCounts } from "./volumes.ts";

const SLOW_CLONE_MS = 60_000;

export const cloneMethods: Methods = {
  CloneVolume: {
    since: "1.0",
    async run(cluster, parameters, method) {
      const { state, options } = cluster;
      const source = cluster.volume(parameters.id("volumeID"));
      const name = parameters.name("name");
      const account = cluster.account(parameters.optionalInteger("newAccountID") ?? source.accountId);
      const snapshotId = parameters.optionalInteger("snapshotID");
      const snapshot = snapshotId === null ? null : cluster.snapshot(snapshotId);
      if (snapshot !== null && snapshot.volumeId !== source.id) throw noSnapshot(snapshot.id);
      const fromBytes = snapshot?.sizeBytes ?? source.sizeBytes;
      const sizeBytes = parameters.has("newSize") ? allowedSize(cluster, parameters.integer("newSize")) : fromBytes;
      if (sizeBytes < fromBytes)
        throw new ElementError("xVolumeShrinkProhibited", "A clone cannot be smaller than its source.");
      const attributes = attributesOf(parameters) ?? { ...source.attributes };
      assertCounts(cluster, account.id);
      assertJobs(cluster, source);
      await cluster.reserve(method, sizeBytes, true);
      const nowMs = Date.now();
      const volume: Volume = {
        ...source,
        id: cluster.nextId("volume"),
        name,
        accountId: account.id,
        uuid: randomUUID(),
        createdMs: nowMs,
        status: "init",
        access: parameters.oneOf("access", ACCESSES) ?? "readWrite",
        enable512e: parameters.optionalFlag("enable512e") ?? source.enable512e,
        sizeBytes,
        attributes,
      };
      // The bytes of this moment; it only takes its time to be ready.
      const from = snapshot === null ? volumeFile(source.id) : snapshotFile(snapshot.id);
      await cluster.files.copy(from, volumeFile(volume.id));
      await cluster.files.setSize(volumeFile(volume.id), sizeBytes);
      const slow = options.desk.faults.take("slow-clone", method);
      const job: AsyncJob = {
        handle: cluster.nextId("async"),
        type: "Clone",
        cloneId: cluster.nextId("clone"),
        volumeId: volume.id,
        sourceId: source.id,
        createdMs: nowMs,
        dueMs: nowMs + (slow === null ? options.cloneMs : (slow.delayMs ?? SLOW_CLONE_MS)),
        status: "running",
        error: null,
        fails: options.desk.faults.take("clone-fails", method) !== null,
      };
      state.volumes.push(volume);
      state.jobs.push(job);
      return {
        cloneID: job.cloneId,
        volumeID: volume.id,
        asyncHandle: job.handle,
        curve: CURVE,
        volume: volumeView(cluster, volume),
      };
    },
  },
  CancelClone: {
    since: "9.0",
    async run(cluster, parameters) {
      const cloneId = parameters.id("cloneID");
      const job = cluster.state.jobs.find((one) => one.cloneId === cloneId && one.status === "running");
      if (job === undefined) throw new ElementError("xInvalidParameter", `CloneID ${cloneId} is not running.`);
      Object.assign(job, { status: "complete", error: "xCancelled" });
      const volume = cluster.state.volumes.find(({ id }) => id === job.volumeId);
      if (volume !== undefined) await cluster.purge(volume);
      return {};
    },
  },
  GetAsyncResult: {
    since: "1.0",
    run(cluster, parameters) {
      const { state } = cluster;
      const handle = parameters.id("asyncHandle");
      const keep = parameters.optionalFlag("keepResult") ?? false;
      const job = state.jobs.find((one) => one.handle === handle);
      if (job === undefined)
        throw new ElementError("xDBNoSuchPath", `DBClient operation failed: no such handle ${handle}`);
      if (!keep && job.status === "complete") state.jobs = state.jobs.filter((one) => one !== job);
      return asyncResult(cluster, job);
    },
  },
  ListAsyncResults: {
    since: "9.0",
    run(cluster, parameters) {
      const types = parameters.optionalTexts("asyncResultTypes");
      const wanted = cluster.state.jobs.filter(({ type }) => types === null || types.includes(type));
      return {
        asyncHandles: wanted.map((job) => ({
          asyncResultID: job.handle,
          completed: job.status === "complete",
          success: job.status === "complete" && job.error === null,
          resultType: job.type,
          createTime: timeText(job.createdMs),
          lastUpdateTime: timeText(Math.min(job.dueMs, Date.now())),
          data: { cloneID: job.cloneId, volumeID: job.volumeId, message: messageOf(job) },
        })),
      };
    },
  },
};

function asyncResult({ state }: Cluster, job: AsyncJob) {
  const nowMs = Date.now();
  const times = { createTime: timeText(job.createdMs), lastUpdateTime: timeText(Math.min(job.dueMs, nowMs)) };
  const common = { resultType: job.type, ...times };
  if (job.status === "running") {
    const total = state.volumes.find(({ id }) => id === job.volumeId)?.sizeBytes ?? 0;
    const share = Math.min(1, (nowMs - job.createdMs) / Math.max(1, job.dueMs - job.createdMs));
    return { status: "running", ...common, details: { bytes: Math.floor(total * share), total } };
  }
  if (job.error !== null) return { status: "complete", ...common, error: { name: job.error, message: messageOf(job) } };
  const { cloneId: cloneID, volumeId: volumeID } = job;
  return { status: "complete", ...common, result: { cloneID, message: messageOf(job), volumeID } };
}

function messageOf({ status, error }: AsyncJob): string {
  if (status === "running") return "Clone in progress.";
  return error === null ? "Clone complete." : `Clone failed: ${error}`;
}

function assertJobs({ state, options: { limits } }: Cluster, { id }: Volume): void {
  const running = state.jobs.filter(({ status }) => status === "running");
  if (running.filter(({ sourceId }) => sourceId === id).length >= limits.cloneJobsPerVolumeMax)
    throw new ElementError("xMaxClonesPerVolumeExceeded", `VolumeID ${id} is being cloned as often as it may be.`);
  if (running.length >= limits.cloneJobsPerNodeMax)
    throw new ElementError("xMaxClonesPerNodeExceeded", "The node makes as many clones as it may.");
}
