import type { Measurement } from "#shared/model/capacity.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { Outcome } from "#shared/model/job.ts";
import type { Operation } from "#shared/model/operation.ts";
import { gibToBytes } from "#shared/units.ts";
import { measurementOf } from "#test/kit/core-stand.ts";

/** A simulated pool of thick storage: it does what it is told, idempotently, and refuses what does not fit. */
export class SimulatedBackend {
  readonly backend: Backend;
  readonly capacityBytes: number;
  /** Object id → bytes. */
  readonly objects = new Map<string, number>();
  /** Attachment id's volume → the hosts let in. */
  readonly connections = new Map<string, Set<string>>();
  /** It answered `no-space` although nobody planted that: the reservation was wrong. */
  overruns = 0;
  /** Creates are refused, whatever it reports. */
  refusing = false;

  constructor(backend: Backend, capacityGib: number) {
    this.backend = backend;
    this.capacityBytes = gibToBytes(capacityGib);
  }

  get usedBytes(): number {
    let sum = 0;
    for (const bytes of this.objects.values()) sum += bytes;
    return sum;
  }

  perform(operation: Operation): Outcome {
    switch (operation.kind) {
      case "volume.create":
      case "volume.create-from-snapshot":
      case "volume.clone":
        return this.#make(operation.volume.id, operation.volume.sizeBytes);
      case "snapshot.create":
        return this.#make(operation.snapshot.id, operation.snapshot.sizeBytes);
      case "volume.extend":
        return this.objects.has(operation.volume.id)
          ? this.#make(operation.volume.id, operation.newSizeBytes)
          : "not-done";
      case "volume.delete":
        this.objects.delete(operation.volume.id);
        this.connections.delete(operation.volume.id);
        return "done";
      case "snapshot.delete":
        this.objects.delete(operation.snapshot.id);
        return "done";
      case "attachment.connect": {
        if (!this.objects.has(operation.volume.id)) return "not-done";
        const hosts = this.connections.get(operation.volume.id) ?? new Set();
        this.connections.set(operation.volume.id, hosts.add(operation.connector.host ?? ""));
        return "done";
      }
      case "attachment.disconnect":
        if (operation.last) this.connections.delete(operation.volume.id);
        else this.connections.get(operation.volume.id)?.delete(operation.connector.host ?? "");
        return "done";
    }
  }

  measure(): Measurement {
    const used = this.usedBytes;
    return measurementOf({
      poolId: `pool-${this.backend.id}`,
      totalBytes: this.capacityBytes,
      freeBytes: this.capacityBytes - used,
      provisioned: { scope: "pool", bytes: used },
      objectCount: this.objects.size,
    });
  }

  #make(id: string, bytes: number): Outcome {
    const before = this.objects.get(id) ?? 0;
    if (before >= bytes) return "done";
    if (this.refusing) return "no-space";
    if (this.usedBytes - before + bytes > this.capacityBytes) {
      this.overruns += 1;
      return "no-space";
    }
    this.objects.set(id, bytes);
    return "done";
  }
}
