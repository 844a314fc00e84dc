import { randomBytes, randomInt, randomUUID } from "node:crypto";
import { join } from "node:path";
import { DataFiles } from "../kit/data-files.ts";
import type { Desk } from "../kit/desk.ts";
import { StateFile } from "../kit/state-file.ts";
import type { SimulatorTargets } from "../kit/targets.ts";
import { ElementError, exceeded, noAccount, noGroup, noSnapshot, noVolume } from "./element-error.ts";
import { DEFAULT_QOS, type Limits } from "./limits.ts";
import type { AccessGroup, Account, ClusterState, GroupSnapshot, Snapshot, Volume } from "./state.ts";
import { clusterState } from "./state.ts";

export interface ClusterOptions {
  readonly dataFolder: string;
  readonly capacityBytes: number;
  /** So many times its space may be promised. */
  readonly overProvisioning: number;
  readonly limits: Limits;
  /** A small clone's time to be ready. */
  readonly cloneMs: number;
  readonly iscsi: SimulatorTargets | null;
  readonly desk: Desk;
}

/** One call after another sees and changes what stands in a cluster; the bytes are files beside it. */
export class Cluster {
  readonly options: ClusterOptions;
  readonly files: DataFiles;
  readonly #file: StateFile<ClusterState>;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: ClusterOptions, file: StateFile<ClusterState>, files: DataFiles) {
    this.options = options;
    this.#file = file;
    this.files = files;
  }

  static async open(options: ClusterOptions): Promise<Cluster> {
    const file = await StateFile.open(join(options.dataFolder, "cluster.json"), clusterState, newCluster());
    const cluster = new Cluster(options, file, await DataFiles.open(options.dataFolder));
    for (const volume of cluster.state.volumes) await cluster.exportVolume(volume);
    await file.saved();
    return cluster;
  }

  get state(): ClusterState {
    return this.#file.value;
  }

  /** Alone, and when it returns what it changed is on the disk. `reads`: it changes nothing by itself. */
  exclusive<T>(reads: boolean, work: () => Promise<T> | T): Promise<T> {
    const mine = this.#turn.then(async () => {
      const settled = await this.#settle(Date.now());
      try {
        return await work();
      } finally {
        if (!reads || settled) await this.#file.saved();
      }
    });
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  nextId(kind: string): number {
    const id = this.state.nextIds[kind] ?? 1;
    this.state.nextIds[kind] = id + 1;
    return id;
  }

  account(id: number): Account {
    const found = this.state.accounts.find((one) => one.id === id && one.status !== "removed");
    if (found === undefined) throw noAccount(id);
    return found;
  }

  /** Active, or being made. */
  volume(id: number): Volume {
    const found = this.state.volumes.find((one) => one.id === id);
    if (found === undefined || found.status === "deleted") throw noVolume(id);
    return found;
  }

  snapshot(id: number): Snapshot {
    const found = this.state.snapshots.find((one) => one.id === id);
    if (found === undefined) throw noSnapshot(id);
    return found;
  }

  groupSnapshot(id: number): GroupSnapshot {
    const found = this.state.groupSnapshots.find((one) => one.id === id);
    if (found === undefined) throw new ElementError("xSnapshotIDDoesNotExist", `GroupSnapshotID ${id} does not exist.`);
    return found;
  }

  accessGroup(id: number): AccessGroup {
    const found = this.state.accessGroups.find((one) => one.id === id);
    if (found === undefined) throw noGroup(id);
    return found;
  }

  /** Deleted volumes count until they are purged. */
  get provisionedBytes(): number {
    return this.state.volumes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  get maxProvisionableBytes(): number {
    return this.options.capacityBytes * this.options.overProvisioning;
  }

  async usedBytes(): Promise<number> {
    const { volumes, snapshots } = this.state;
    const names = [...volumes.map(({ id }) => volumeFile(id)), ...snapshots.map(({ id }) => snapshotFile(id))];
    const used = await Promise.all(names.map((name) => this.files.usedBytes(name)));
    return used.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** The stages in which a cluster fills: at 4 nothing is copied any more, at 5 nothing is written. */
  async fullStage(method: string): Promise<number> {
    const { faults } = this.options.desk;
    if (faults.get("full") !== null) return 5;
    const told = faults.take("full-stage", method)?.value;
    if (typeof told === "number") return told;
    const share = (await this.usedBytes()) / this.options.capacityBytes;
    return share >= 1 ? 5 : share >= 0.98 ? 4 : share >= 0.9 ? 3 : share >= 0.8 ? 2 : 1;
  }

  /** Room for so much more that is promised, or the refusal of a full cluster. */
  async reserve(method: string, sizeBytes: number, copies = false): Promise<void> {
    const stage = await this.fullStage(method);
    if (stage >= 5 || (copies && stage >= 4))
      throw exceeded(`The cluster is full (stage ${stage}); no space can be provisioned.`);
    const wantedBytes = this.provisionedBytes + sizeBytes;
    if (wantedBytes > this.maxProvisionableBytes)
      throw exceeded(
        `Provisioned space ${wantedBytes} would exceed maxOverProvisionableSpace ${this.maxProvisionableBytes}.`,
      );
  }

  iqn({ name, id }: Volume): string {
    const words = name.toLowerCase().replace(/[^a-z0-9.-]/g, "-");
    const tail = `${this.state.uniqueId}.${words}.${id}`;
    return this.options.desk.faults.take("iqn-partial") === null ? `iqn.2010-01.com.solidfire:${tail}` : tail;
  }

  /** Volumes are targets of their own from the first moment: to who knows the account's secret, or is in an access group. */
  async exportVolume(volume: Volume): Promise<void> {
    const { iscsi } = this.options;
    if (iscsi === null) return;
    const account = this.state.accounts.find(({ id }) => id === volume.accountId);
    const initiators = this.state.accessGroups
      .filter(({ volumeIds }) => volumeIds.includes(volume.id))
      .flatMap((group) => group.initiators.map(({ name }) => name));
    const reachable = volume.status === "active" && volume.access !== "locked";
    const byChap = account?.status === "active" && account.enableChap;
    if (!reachable || (!byChap && initiators.length === 0)) {
      await iscsi.remove(this.iqn(volume));
      return;
    }
    const chap = { username: account?.username ?? "", secret: account?.initiatorSecret ?? "" };
    await iscsi.ensure({
      iqn: this.iqn(volume),
      units: [{ lun: 0, path: this.files.path(volumeFile(volume.id)), readOnly: volume.access !== "readWrite" }],
      chap: initiators.length > 0 ? null : chap,
      initiators: initiators.length > 0 ? initiators : null,
    });
  }

  async exportAccount(accountId: number): Promise<void> {
    for (const volume of this.state.volumes) if (volume.accountId === accountId) await this.exportVolume(volume);
  }

  /** What it stood for goes as well: its bytes, its snapshots, its places in groups. */
  async purge(volume: Volume): Promise<void> {
    const { state } = this;
    await this.options.iscsi?.remove(this.iqn(volume));
    for (const snapshot of state.snapshots.filter(({ volumeId }) => volumeId === volume.id))
      await this.removeSnapshot(snapshot);
    for (const group of state.accessGroups) group.volumeIds = group.volumeIds.filter((id) => id !== volume.id);
    state.volumes = state.volumes.filter((one) => one !== volume);
    await this.files.remove(volumeFile(volume.id));
  }

  async removeSnapshot(snapshot: Snapshot): Promise<void> {
    const { state } = this;
    state.snapshots = state.snapshots.filter((one) => one !== snapshot);
    await this.files.remove(snapshotFile(snapshot.id));
    if (snapshot.groupId !== 0 && !state.snapshots.some(({ groupId }) => groupId === snapshot.groupId))
      state.groupSnapshots = state.groupSnapshots.filter(({ id }) => id !== snapshot.groupId);
  }

  /** What time has brought: clones that are ready, deleted volumes and snapshots whose time is over. false: nothing. */
  async #settle(nowMs: number): Promise<boolean> {
    const { state } = this;
    const ready = state.jobs.filter(({ status, dueMs }) => status === "running" && dueMs <= nowMs);
    const overdue = state.volumes.filter(({ purgeMs }) => purgeMs !== null && purgeMs <= nowMs);
    const expired = state.snapshots.filter(({ expiresMs }) => expiresMs !== null && expiresMs <= nowMs);
    for (const job of ready) {
      const volume = state.volumes.find(({ id }) => id === job.volumeId);
      job.status = "complete";
      if (job.fails) {
        job.error = "xSnapshotFailed";
        if (volume !== undefined) await this.purge(volume);
      } else if (volume?.status === "init") {
        volume.status = "active";
        await this.exportVolume(volume);
      }
    }
    for (const volume of overdue) await this.purge(volume);
    for (const snapshot of expired) await this.removeSnapshot(snapshot);
    return ready.length + overdue.length + expired.length > 0;
  }
}

export function volumeFile(id: number): string {
  return `volume-${id}`;
}

export function snapshotFile(id: number): string {
  return `snapshot-${id}`;
}

const LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";

function newCluster(): ClusterState {
  const uniqueId = Array.from({ length: 4 }, () => LETTERS.charAt(randomInt(LETTERS.length))).join("");
  return {
    name: `cluster-${uniqueId}`,
    uniqueId,
    uuid: randomUUID(),
    password: randomBytes(9).toString("base64url"),
    nextIds: {},
    defaultQos: DEFAULT_QOS,
    accounts: [],
    volumes: [],
    snapshots: [],
    groupSnapshots: [],
    accessGroups: [],
    qosPolicies: [],
    jobs: [],
  };
}
