import { createHash, randomUUID } from "node:crypto";
import type { VolumeSource } from "#shared/model/volume.ts";
import type { CreateVolume } from "../../../core/commands.ts";
import type { Caller } from "../../request-context.ts";
import { alias, type Read, since, under } from "../rest/body.ts";
import { boolean, metadata, reference, sizeGib, text, uuid } from "../rest/kinds.ts";
import { refusal } from "../rest/refusal.ts";
import { schedulerHints } from "./scheduler-hints.ts";

/** What the field's clients may ask for and Berth does not have: refused by name, rather than silently left out. */
function notHad(what: string) {
  return {
    ...text,
    read: (name: string): never => {
      throw refusal(`${name} cannot be given: there are no ${what} here`);
    },
  };
}

const CreateVolumeFields = {
  name: alias(text, "display_name"),
  description: alias(text, "display_description"),
  size: sizeGib,
  volume_type: reference,
  availability_zone: reference,
  metadata,
  snapshot_id: uuid,
  source_volid: uuid,
  group_id: since(13, uuid),
  multiattach: boolean,
  imageRef: alias(notHad("images"), "image_id"),
  backup_id: since(47, notHad("backups")),
  consistencygroup_id: notHad("consistency groups"),
  /** What old clients send besides, and nobody has read for years. */
  source_replica: text,
  user_id: text,
  project_id: text,
  status: text,
  attach_status: text,
};

export const CreateVolumeBody = under("volume", CreateVolumeFields, {
  "OS-SCH-HNT:scheduler_hints": alias(schedulerHints, "scheduler_hints"),
});

type Wanted = ReturnType<typeof CreateVolumeBody.read>;
type KeyHeader = string | string[] | undefined;

/** What is wanted by the body of `POST …/volumes`. Throws E_BAD_REQUEST with one sentence. */
export function createVolumeInput(body: Wanted, idempotencyKey: KeyHeader, caller: Caller): Omit<CreateVolume, "chap"> {
  if (body.multiattach === true)
    throw refusal("multiattach cannot be given: take a volume type whose volumes may be attached more than once");
  const hints = body["OS-SCH-HNT:scheduler_hints"];
  const wanted = {
    name: body.name ?? "",
    description: body.description ?? "",
    metadata: body.metadata ?? {},
    sizeGib: body.size ?? null,
    flavor: body.volume_type ?? null,
    zone: body.availability_zone ?? null,
    source: sourceOf(body),
    // Absent where it is not asked for, so that such a request has the hash that it had before there were groups.
    ...(body.group_id === undefined ? {} : { groupId: body.group_id }),
    ...(hints === undefined ? {} : { hints }),
  };
  if (wanted.source.kind === "blank" && wanted.sizeGib === null)
    throw refusal("size is needed: a whole number of GiB, unless there is a snapshot_id or source_volid to copy");
  const key = idempotencyKeyOf(idempotencyKey);
  return {
    id: randomUUID(),
    projectId: caller.projectId,
    userId: caller.userId,
    requestId: caller.requestId,
    ...wanted,
    idempotency: key === null ? null : { key, bodyHash: hashOf(wanted) },
  };
}

function sourceOf({ snapshot_id: snapshotId, source_volid: volumeId }: Read<typeof CreateVolumeFields>): VolumeSource {
  if (snapshotId !== undefined && volumeId !== undefined)
    throw refusal("a volume has one source: give snapshot_id or source_volid, not both");
  if (snapshotId !== undefined) return { kind: "snapshot", snapshotId };
  return volumeId === undefined ? { kind: "blank" } : { kind: "volume", volumeId };
}

function idempotencyKeyOf(header: KeyHeader): string | null {
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
