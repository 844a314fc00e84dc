import { createHash, randomUUID } from "node:crypto";
import type { VolumeSource } from "#shared/model/volume.ts";
import type { CreateVolume } from "../../core/commands.ts";
import type { Caller } from "../request-context.ts";
import { BodyFields, refusal } from "./fields.ts";
import { readSchedulerHints } from "./scheduler-hints.ts";

/** What the field's clients may ask for and Berth does not have: refused by name, rather than silently left out. */
const NOT_HAD: Readonly<Record<string, string>> = {
  imageRef: "images",
  image_id: "images",
  backup_id: "backups",
  consistencygroup_id: "consistency groups",
};

type KeyHeader = string | string[] | undefined;

/** Reads the body of `POST …/volumes`. Throws E_BAD_REQUEST with one sentence. */
export function readCreateVolume(body: unknown, idempotencyKey: KeyHeader, caller: Caller): CreateVolume {
  const fields = BodyFields.under("volume", body);
  for (const [name, what] of Object.entries(NOT_HAD))
    if (fields.has(name)) throw refusal(`${name} cannot be given: there are no ${what} here`);
  if (fields.boolean("multiattach")) throw refusal("multiattach cannot be given: a volume is connected to one host");
  const groupId = fields.uuid("group_id");
  const hints = readSchedulerHints(body);
  const wanted = {
    name: fields.text("name", "display_name") ?? "",
    description: fields.text("description", "display_description") ?? "",
    metadata: fields.metadata("metadata") ?? {},
    sizeGib: fields.sizeGib("size"),
    flavor: fields.reference("volume_type"),
    zone: fields.reference("availability_zone"),
    source: readSource(fields),
    // Absent where it is not asked for, so that such a request has the hash that it had before there were groups.
    ...(groupId === null ? {} : { groupId }),
    ...(hints === undefined ? {} : { hints }),
  };
  if (wanted.source.kind === "blank" && wanted.sizeGib === null)
    throw refusal("size is needed: a whole number of GiB, unless there is a snapshot_id or source_volid to copy");
  const key = readIdempotencyKey(idempotencyKey);
  return {
    id: randomUUID(),
    projectId: caller.projectId,
    userId: caller.userId,
    requestId: caller.requestId,
    ...wanted,
    idempotency: key === null ? null : { key, bodyHash: hashOf(wanted) },
  };
}

function readSource(fields: BodyFields): VolumeSource {
  const snapshotId = fields.uuid("snapshot_id");
  const volumeId = fields.uuid("source_volid");
  if (snapshotId !== null && volumeId !== null)
    throw refusal("a volume has one source: give snapshot_id or source_volid, not both");
  if (snapshotId !== null) return { kind: "snapshot", snapshotId };
  return volumeId === null ? { kind: "blank" } : { kind: "volume", volumeId };
}

function readIdempotencyKey(header: KeyHeader): string | null {
  if (header === undefined) return null;
  if (typeof header === "string" && /^[\x21-\x7e]{1,255}$/.test(header)) return header;
  throw refusal("Idempotency-Key must be one header of 1 to 255 printable characters");
}

/** Of what was understood, not of the bytes: a client that sends its keys in another order asks for the same. */
function hashOf(wanted: Pick<CreateVolume, "metadata"> & object): string {
  const metadata = Object.entries(wanted.metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify({ ...wanted, metadata }))
    .digest("hex");
}
