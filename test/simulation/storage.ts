import type { Connector } from "#shared/model/attachment.ts";
import type { Costs, Measurement } from "#shared/model/capacity.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { Outcome } from "#shared/model/job.ts";
import type { ListedObject, ListPage } from "#shared/model/listing.ts";
import type { CopySource, GroupMember, Operation, OwnerMark, VolumeRef } from "#shared/model/operation.ts";
import { gibToBytes } from "#shared/units.ts";
import { measurementOf } from "#test/kit/core-stand.ts";

/** Something, but not what was meant. */
export const GARBAGE = -1;
type Migration = Extract<Operation, { kind: "volume.migrate" }>;

/**
 * A simulated pool of storage: it does what it is told, idempotently, and refuses what does not fit. It is thick, or (over-
 * subscribed) thin: then only what is made thick takes space, and as in real ones nothing of that is shared.
 */
export class SimulatedBackend {
  readonly backend: Backend;
  readonly capacityBytes: number;
  /** Object id → bytes. */
  readonly objects = new Map<string, number>();
  /** Object id → which of the things that users wrote stands in it; 0: nothing yet. Kept when it is gone. */
  readonly contents = new Map<string, number>();
  readonly #thin: boolean;
  readonly #thick = new Set<string>();
  /** What each was made as; kept when it is gone. */
  readonly #made = new Map<string, Pick<ListedObject, "kind" | "volumeId" | "mark">>();
  /** When each snapshot of a group was taken, by a count of attempts: those of one group must be of one. */
  readonly instants = new Map<string, number>();
  #attempts = 0;
  /** Volume or snapshot → the initiators let in. */
  readonly connections = new Map<string, Set<string>>();
  /** What is not ours: name → what it is. Its data are its identity. */
  readonly foreign = new Map<string, { readonly bytes: number; readonly identity: string }>();
  /** Of each object that was taken over: whose data it has, and what it was. */
  readonly #taken = new Map<
    string,
    { readonly reference: string; readonly bytes: number; readonly identity: string }
  >();
  #letGoCount = 0;
  /** Data that were taken over and then removed, with the volume that they were. */
  readonly removed = new Map<string, string>();
  /** It answered `no-space` although nobody planted that: the reservation was wrong. */
  overruns = 0;
  /** Creates are refused, whatever it reports. */
  refusing = false;

  readonly #peer: (backendId: number) => SimulatedBackend | undefined;

  constructor(backend: Backend, capacityGib: number, peer: (backendId: number) => SimulatedBackend | undefined) {
    this.#peer = peer;
    this.backend = backend;
    this.capacityBytes = gibToBytes(capacityGib);
    this.#thin = backend.settings.maxOverSubscriptionRatio > 1;
  }

  get usedBytes(): number {
    return this.#sum((id) => !this.#thin || this.#thick.has(id));
  }

  #sum(counts: (id: string) => boolean): number {
    let sum = 0;
    for (const [id, bytes] of this.objects) if (counts(id)) sum += bytes;
    for (const [name, { bytes }] of this.foreign) if (counts(name)) sum += bytes;
    return sum;
  }

  /** Where the data of each that was ever foreign are: in one place, or removed. `lost`: volumes whose disk broke. */
  whereIs(identity: string, lost: ReadonlySet<string>): string[] {
    const places = [...this.foreign].filter(([, one]) => one.identity === identity).map(([name]) => `foreign ${name}`);
    for (const [id, taken] of this.#taken)
      if (taken.identity === identity && (this.objects.has(id) || lost.has(id))) places.push(`volume ${id}`);
    if (this.removed.has(identity)) places.push("removed");
    return places;
  }

  /** The volume that foreign data were taken over as here. */
  takenAs(identity: string): string | null {
    for (const [id, taken] of this.#taken) if (taken.identity === identity) return id;
    return null;
  }

  /** `half`: the agent dies in the middle of it. */
  perform(operation: Operation, half = false): Outcome {
    switch (operation.kind) {
      case "volume.create":
      case "volume.create-from-snapshot":
      case "volume.clone":
        if (isThick(operation, this.#thick)) this.#thick.add(operation.volume.id);
        return this.#makeVolume(operation.volume, operation.mark, this.#contentOf(operation));
      case "volume.copy":
        return this.#copyInto(operation.volume.id, operation.source);
      case "volume.migrate":
        return this.#moveTo(this.#peer(operation.toBackendId), operation);
      case "volume.retype":
        if (!this.objects.has(operation.volume.id)) return "not-done";
        this.#made.set(operation.volume.id, { kind: "volume", volumeId: operation.volume.id, mark: operation.mark });
        return "done";
      case "snapshot.create":
        this.#mark(operation.snapshot.id, {
          kind: "snapshot",
          volumeId: operation.volume.id,
          mark: operation.mark ?? null,
        });
        if (this.#thick.has(operation.volume.id)) this.#thick.add(operation.snapshot.id);
        return this.#make(
          operation.snapshot.id,
          operation.snapshot.sizeBytes,
          this.contents.get(operation.volume.id) ?? GARBAGE,
        );
      case "mark.write": {
        const id = operation.snapshot?.id ?? operation.volume.id;
        const made = this.#made.get(id);
        if (made === undefined || !this.objects.has(id)) return "not-done";
        this.#made.set(id, { ...made, mark: operation.mark });
        return "done";
      }
      case "volume.extend":
        return this.objects.has(operation.volume.id)
          ? this.#make(operation.volume.id, operation.newSizeBytes, this.contents.get(operation.volume.id) ?? GARBAGE)
          : "not-done";
      case "volume.manage":
        return this.#takeOver(operation);
      case "volume.unmanage":
        return this.#letGo(operation.volume.id, operation.reference);
      case "volume.delete": {
        const taken = this.#taken.get(operation.volume.id);
        if (taken !== undefined) this.removed.set(taken.identity, operation.volume.id);
        this.#taken.delete(operation.volume.id);
        this.objects.delete(operation.volume.id);
        this.connections.delete(operation.volume.id);
        return "done";
      }
      case "snapshot.delete":
        this.objects.delete(operation.snapshot.id);
        this.connections.delete(operation.snapshot.id);
        return "done";
      case "volume.revert":
        return this.objects.has(operation.volume.id) && this.objects.has(operation.snapshot.id) ? "done" : "not-done";
      case "group-snapshot.create":
        return this.#makeTogether(operation.members, half);
      case "group-snapshot.delete":
        for (const { snapshot } of operation.members) this.objects.delete(snapshot.id);
        return "done";
      case "attachment.connect":
        return this.#letIn(operation.volume.id, operation.connector);
      case "attachment.connect-snapshot":
        return this.#letIn(operation.snapshot.id, operation.connector);
      case "backend.failover":
        return "done";
      case "attachment.disconnect":
        return this.#shutOut(operation.volume.id, operation.connector, operation.last);
      case "attachment.disconnect-snapshot":
        return this.#shutOut(operation.snapshot.id, operation.connector, operation.last);
    }
  }

  #letIn(id: string, { initiator }: Connector): Outcome {
    if (!this.objects.has(id)) return "not-done";
    const hosts = this.connections.get(id) ?? new Set();
    this.connections.set(id, hosts.add(initiator ?? ""));
    return "done";
  }

  #shutOut(id: string, { initiator }: Connector, last: boolean): Outcome {
    if (last) this.connections.delete(id);
    else this.connections.get(id)?.delete(initiator ?? "");
    return "done";
  }

  /** What stands already keeps its mark: it may have been renewed since it was made. */
  #mark(id: string, made: Pick<ListedObject, "kind" | "volumeId" | "mark">): void {
    if (!this.objects.has(id)) this.#made.set(id, made);
  }

  /** So many objects after `after`, in the order of ids. */
  list(after: string | null, count: number): ListPage {
    const wanted = [...this.objects]
      .filter(([id]) => after === null || id > after)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const page = wanted.slice(0, count);
    const objects = page.flatMap(([id, sizeBytes]): ListedObject[] => {
      const made = this.#made.get(id);
      if (made === undefined) return [];
      const hosts = this.connections.get(id);
      const letIn = hosts === undefined ? {} : { letIn: [...hosts] };
      return [{ id, ...made, sizeBytes, whole: true, ageMs: 0, providerId: null, properties: {}, ...letIn }];
    });
    return {
      objects,
      foreign: [...this.foreign.keys()],
      next: wanted.length > page.length ? (page.at(-1)?.[0] ?? null) : null,
    };
  }

  measure(): Measurement {
    const used = this.usedBytes;
    return measurementOf({
      poolId: `pool-${this.backend.id}`,
      totalBytes: this.capacityBytes,
      freeBytes: this.capacityBytes - used,
      provisioned: { scope: "pool", bytes: this.#sum(() => true) },
      objectCount: this.objects.size,
      capabilities: [
        ...([...measurementOf().capabilities, "marks", "retype", "migrate"] as const),
        ...(this.backend.id === 1 ? ["chap-at-creation" as const] : []),
      ],
      // The first two are of one storage system.
      ...(this.backend.id <= 2 ? { arrayId: "array" } : {}),
      ...(this.#thin ? { thin: true, costs: NOTHING, provisioning: { thin: NOTHING, thick: ALL } } : {}),
    });
  }

  /** What an attempt that was cut short left is no part of the next. */
  #makeTogether(members: readonly GroupMember[], half: boolean): Outcome {
    if (members.every(({ snapshot }) => this.objects.has(snapshot.id))) return "done";
    for (const { snapshot } of members) this.objects.delete(snapshot.id);
    this.#attempts += 1;
    for (const { volume, snapshot, mark } of half ? members.slice(0, -1) : members) {
      this.#made.set(snapshot.id, { kind: "snapshot", volumeId: volume.id, mark });
      if (this.#thick.has(volume.id)) this.#thick.add(snapshot.id);
      this.instants.set(snapshot.id, this.#attempts);
      const outcome = this.#make(snapshot.id, snapshot.sizeBytes, this.contents.get(volume.id) ?? GARBAGE);
      if (outcome !== "done") return outcome;
    }
    return half ? "unknown" : "done";
  }

  #takeOver(operation: Extract<Operation, { kind: "volume.manage" }>): Outcome {
    const { volume, reference, identity, foundBytes, mark } = operation;
    if (this.objects.has(volume.id)) return "done";
    const found = this.foreign.get(reference);
    if (found === undefined || found.identity !== identity || found.bytes !== foundBytes) return "not-done";
    if (!this.#thin && this.usedBytes - found.bytes + volume.sizeBytes > this.capacityBytes) return "no-space";
    this.foreign.delete(reference);
    this.objects.set(volume.id, volume.sizeBytes);
    this.#made.set(volume.id, { kind: "volume", volumeId: volume.id, mark });
    this.#taken.set(volume.id, { reference, bytes: found.bytes, identity });
    return "done";
  }

  #letGo(id: string, reference: string): Outcome {
    const bytes = this.objects.get(id);
    if (bytes === undefined) return "done";
    if (this.foreign.has(reference)) return "not-done";
    const taken = this.#taken.get(id);
    this.objects.delete(id);
    this.connections.delete(id);
    const asItWas = taken?.reference === reference ? taken.bytes : bytes;
    this.#taken.delete(id);
    this.#thick.delete(id);
    this.#letGoCount += 1;
    this.foreign.set(reference, { bytes: asItWas, identity: taken?.identity ?? `${this.#letGoCount}. let go, ${id}` });
    return "done";
  }

  /** A copy into it stopped somewhere. */
  spoil(objectId: string): void {
    if (this.objects.has(objectId)) this.contents.set(objectId, GARBAGE);
  }

  #makeVolume({ id, sizeBytes }: VolumeRef, mark: OwnerMark, content = GARBAGE): Outcome {
    this.#mark(id, { kind: "volume", volumeId: id, mark });
    return this.#make(id, sizeBytes, content);
  }

  #contentOf(create: Create): number | undefined {
    if (create.kind === "volume.create") return 0;
    return this.contents.get(create.kind === "volume.clone" ? create.source.id : create.snapshot.id);
  }

  #copyInto(id: string, source: CopySource): Outcome {
    const from =
      source.kind === "local" ? [source.backendId, source.volume.id] : String(source.info.data.from).split(" ");
    const peer = this.#peer(Number(from[0]));
    const objectId = String(from[1]);
    if (!this.objects.has(id) || peer === undefined || !peer.objects.has(objectId)) return "not-done";
    if (source.kind === "connection" && !peer.connections.has(objectId)) return "not-done";
    this.contents.set(id, this.refusing ? GARBAGE : (peer.contents.get(objectId) ?? GARBAGE));
    return this.refusing ? "no-space" : "done";
  }

  #moveTo(to: SimulatedBackend | undefined, { volume, target, mark }: Migration): Outcome {
    if (to === undefined) return "not-done";
    if (!this.objects.has(volume.id)) return to.objects.has(target.id) ? "done" : "not-done";
    const bytes = this.objects.get(volume.id) ?? 0;
    const made = to.#makeVolume({ ...target, sizeBytes: bytes }, mark, this.contents.get(volume.id));
    if (made === "done") this.objects.delete(volume.id);
    return made;
  }

  #make(id: string, bytes: number, content: number): Outcome {
    const before = this.objects.get(id) ?? 0;
    if (before >= bytes) return "done";
    if (this.refusing) return "no-space";
    const takes = !this.#thin || this.#thick.has(id);
    if (takes && this.usedBytes - before + bytes > this.capacityBytes) {
      this.overruns += 1;
      return "no-space";
    }
    if (!this.objects.has(id)) this.contents.set(id, content);
    this.objects.set(id, bytes);
    return "done";
  }
}

const NOTHING: Costs = { volume: "none", snapshot: "none", clone: "none" };
const ALL: Costs = { volume: "full", snapshot: "full", clone: "full" };

type Create = Extract<Operation, { kind: "volume.create" | "volume.create-from-snapshot" | "volume.clone" }>;

/** By its flavor, or because it shares nothing with a thick source. */
function isThick(create: Create, thick: ReadonlySet<string>): boolean {
  if (create.volume.spec?.provisioning === "thick") return true;
  if (create.kind === "volume.create") return false;
  return thick.has(create.kind === "volume.clone" ? create.source.id : create.snapshot.id);
}
