import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { DataFiles } from "../kit/data-files.ts";
import type { FaultBoard } from "../kit/faults.ts";
import type { SimulatorOptions } from "../kit/simulator.ts";
import { StateFile } from "../kit/state-file.ts";
import { Portal } from "./portal.ts";
import { CliqFailure, volumeNotFound } from "./results.ts";
import { MIN_VOLUME_BYTES, Space } from "./space.ts";
import {
  CLUSTER_NAME,
  EMPTY_GROUP,
  fileOf,
  type GroupState,
  groupState,
  isSnapshot,
  type SimulatedServer,
  type SimulatedSnapshot,
  type SimulatedVolume,
  type Stored,
} from "./state.ts";

/** As the management console asks for them; the manual of the command line is silent. */
const MAX_NAME = 127;
const DESCRIPTION_LIMIT = 127;
const DELETING_MS = 2_000;

export interface GroupOptions extends SimulatorOptions {
  /** Characters; default: what the management console allows. */
  readonly descriptionLimit?: number;
}

/** What stands in the management group, its bytes, and the rules that hold between them. */
export class Group {
  readonly faults: FaultBoard;
  readonly files: DataFiles;
  readonly space: Space;
  readonly portal: Portal;
  readonly #state: StateFile<GroupState>;
  readonly #descriptionLimit: number;
  /** What is being removed, and until when by this process's clock. */
  readonly #deleting = new Map<number, number>();
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: GroupOptions, state: StateFile<GroupState>, files: DataFiles) {
    this.faults = options.desk.faults;
    this.#descriptionLimit = options.descriptionLimit ?? DESCRIPTION_LIMIT;
    this.files = files;
    this.#state = state;
    this.space = new Space(options.capacityGib, state.value, files);
    this.portal = new Portal(options.iscsi, files);
  }

  /** What a process that was killed left half done goes, and the portal exports what it should. */
  static async open(options: GroupOptions): Promise<Group> {
    const files = await DataFiles.open(options.dataFolder);
    const path = join(options.dataFolder, "group.json");
    const state = await StateFile.open(path, groupState, structuredClone(EMPTY_GROUP));
    const group = new Group(options, state, files);
    const { volumes, snapshots } = state.value;
    for (const stored of [...volumes, ...snapshots]) {
      await files.setSize(fileOf(stored), stored.sizeBytes);
      await group.portal.follow(stored);
    }
    await rm(`${path}.new`, { force: true });
    return group;
  }

  get state(): GroupState {
    return this.#state.value;
  }

  /** One change after another, and durable before it is answered. */
  change<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(async () => {
      const answer = await work();
      await this.#state.saved();
      return answer;
    });
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  nextId(): number {
    this.state.nextId += 1;
    return this.state.nextId;
  }

  volume(name: string): SimulatedVolume {
    this.#sweep();
    const volume = this.state.volumes.find((one) => one.name === name);
    if (volume === undefined) throw volumeNotFound(name);
    return volume;
  }

  snapshot(name: string): SimulatedSnapshot {
    this.#sweep();
    const snapshot = this.state.snapshots.find((one) => one.name === name);
    if (snapshot === undefined) throw new CliqFailure("snapshotNotFound", `Snapshot '${name}' not found.`);
    return snapshot;
  }

  /** Commands that assign take both by one parameter. */
  assignable(name: string): Stored {
    return this.state.snapshots.find((one) => one.name === name) ?? this.volume(name);
  }

  server(name: string): SimulatedServer {
    const server = this.state.servers.find((one) => one.name === name);
    if (server === undefined) throw new CliqFailure("serverNotFound", `Server '${name}' not found.`);
    return server;
  }

  isDeleting({ id }: Pick<Stored, "id">): boolean {
    return this.#deleting.has(id);
  }

  assertCluster(name: string): void {
    if (name !== CLUSTER_NAME) throw new CliqFailure("clusterNotFound", `Cluster '${name}' not found.`);
  }

  /** Volumes and snapshots have one space of names, the whole group's. */
  assertNewName(name: string): void {
    this.#sweep();
    if (name.length > MAX_NAME || /[,'"&<>;:\\\p{Cc}]/u.test(name))
      throw new CliqFailure("parameterFormat", `'${name}' is no name for a volume.`);
    if ([...this.state.volumes, ...this.state.snapshots].some((one) => one.name === name))
      throw new CliqFailure("alreadyExists", `A volume or snapshot with the name '${name}' already exists.`);
  }

  assertDescription(description: string): void {
    if ([...description].length > this.#descriptionLimit)
      throw new CliqFailure("parameterFormat", `A description has at most ${this.#descriptionLimit} characters.`);
  }

  assertSize(sizeBytes: number, replication: number): void {
    const maxBytes = this.space.maxVolumeBytes(replication);
    if (sizeBytes < MIN_VOLUME_BYTES)
      throw new CliqFailure("size", "The volume size is less than the minimum volume size.");
    if (sizeBytes > maxBytes)
      throw new CliqFailure("noSpace", `There is not enough space available in cluster '${CLUSTER_NAME}'.`);
  }

  /** For all copies; null: for what is thin, which takes what it finds. */
  async assertRoom(bytes: number | null, command: string): Promise<void> {
    const full = this.faults.take("full", command) !== null;
    if (full || (bytes !== null && bytes > (await this.space.freeBytes())))
      throw new CliqFailure("noSpace", `There is not enough space available in cluster '${CLUSTER_NAME}'.`);
  }

  newIdentity(): { id: number; md5: string; createdAtMs: number } {
    return { id: this.nextId(), md5: randomBytes(16).toString("hex"), createdAtMs: Date.now() };
  }

  /** It answers for a while yet, as being deleted, when the fault `slow-delete` says so. */
  async remove(stored: Stored, command: string): Promise<void> {
    const slow = this.faults.take("slow-delete", command);
    await this.portal.close(stored);
    if (slow !== null) {
      this.#deleting.set(stored.id, performance.now() + (slow.delayMs ?? DELETING_MS));
      return;
    }
    this.#drop(stored);
    await this.#state.saved();
    await this.files.remove(fileOf(stored));
  }

  #drop(stored: Stored): void {
    this.#deleting.delete(stored.id);
    if (isSnapshot(stored)) this.state.snapshots = this.state.snapshots.filter(({ id }) => id !== stored.id);
    else this.state.volumes = this.state.volumes.filter(({ id }) => id !== stored.id);
  }

  #sweep(): void {
    for (const stored of [...this.state.volumes, ...this.state.snapshots]) {
      const untilMs = this.#deleting.get(stored.id);
      if (untilMs === undefined || untilMs > performance.now()) continue;
      this.#drop(stored);
      void this.files.remove(fileOf(stored));
    }
  }
}
