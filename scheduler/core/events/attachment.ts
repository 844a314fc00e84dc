import type { EventObject } from "#shared/events/event.ts";
import type { AttachOperation } from "#shared/events/types.ts";
import type { Attachment, AttachmentStatus } from "#shared/model/attachment.ts";
import { hostOf } from "../attachments.ts";
import { type Reading, type Step, step, stepsBetween, type Work } from "./steps.ts";
import type { Told } from "./told.ts";

const WORK: Readonly<Partial<Record<AttachmentStatus, Work<AttachOperation>>>> = {
  attaching: { operation: "attach", late: false },
  detaching: { operation: "detach", late: false },
  evicting: { operation: "detach", late: false },
  error_detaching: { operation: "detach", late: true },
};

const READING: Reading<Attachment, AttachOperation> = {
  work: ({ status }) => WORK[status] ?? null,
  failed: ({ status }) => status === "error_attaching",
  removals: ["detach"],
};

const HAS_IT: ReadonlySet<AttachmentStatus> = new Set(["connected", "attached", "leaving"]);

/** Hosts let in and shut out, of a volume or of a snapshot. That somebody wants one and has said for no host is not told. */
export function attachmentEvents(before: Attachment | null, after: Attachment | null): Told[] {
  const record = after ?? before;
  if (record === null) return [];
  const of = record.snapshotId === null ? "volume" : "snapshot";
  const steps = [...stepsBetween(before, after, READING), ...atOnce(before, after)];
  return steps.map(({ operation, phase, error }) => ({
    type: `${of}.${operation}.${phase}`,
    error,
    record,
    object: viewOf(record),
  }));
}

/** Where nobody is let in through us: only said to be attached, or not to be any more. */
function atOnce(before: Attachment | null, after: Attachment | null): Step<AttachOperation>[] {
  const isWorked = [before, after].some((one) => one !== null && READING.work(one) !== null);
  if (isWorked) return [];
  const had = before !== null && HAS_IT.has(before.status);
  const has = after !== null && HAS_IT.has(after.status);
  if (!had && has) return [step("attach", "start"), step("attach", "end")];
  return had && !has ? [step("detach", "start"), step("detach", "end")] : [];
}

function viewOf(attachment: Attachment): EventObject {
  const { id, status, volumeId, snapshotId, backendId, zone, access, connector } = attachment;
  return {
    kind: "attachment",
    ...{ id, status, volumeId, access, zone },
    // Of what nobody was let in to through a backend there is none.
    backendId: backendId === 0 ? null : backendId,
    ...(snapshotId === null ? {} : { snapshotId }),
    ...(connector === null ? {} : { host: hostOf(connector) }),
  };
}
