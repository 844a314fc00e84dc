import { type Static, Type } from "typebox";
import { Nullable } from "#shared/model/nullable.ts";
import type { Transfer } from "#shared/model/transfer.ts";
import type { LinkBase } from "../rest/addresses.ts";
import type { Listed } from "../rest/listing.ts";
import type { Viewer } from "../rest/operation.ts";
import { Links } from "../rest/page.ts";
import { fieldTime } from "../rest/times.ts";
import { since } from "../rest/versioned.ts";

const text = Type.String();
const SUMMARY = { id: text, name: text, volume_id: text, links: Links };
const DETAIL = {
  ...SUMMARY,
  created_at: text,
  /** From a version on. */
  no_snapshots: Type.Optional(Type.Boolean()),
  source_project_id: Type.Optional(text),
  destination_project_id: Type.Optional(Nullable(text)),
  accepted: Type.Optional(Type.Boolean()),
};
export const TransferSummary = Type.Object(SUMMARY);
export const TransferDetail = Type.Object(DETAIL);
/** With the key, which is told this once. */
export const MadeTransfer = Type.Object({ ...DETAIL, auth_key: text });

/** From here on an offer may leave the snapshots out. */
export const NO_SNAPSHOTS_SINCE = 55;

/** The links are those of the older path, whichever was asked. */
export function transferSummary({ id, name, volumeId }: Transfer, base: LinkBase): Static<typeof TransferSummary> {
  const tail = `os-volume-transfer/${id}`;
  return {
    id,
    name,
    volume_id: volumeId,
    links: [
      { rel: "self", href: `${base.self}/${tail}` },
      { rel: "bookmark", href: `${base.bookmark}/${tail}` },
    ],
  };
}

export function transferDetail(
  transfer: Transfer,
  { links, minor }: Pick<Viewer, "links" | "minor">,
): Static<typeof TransferDetail> {
  return {
    ...transferSummary(transfer, links),
    created_at: fieldTime(transfer.createdAtMs),
    ...since(minor, NO_SNAPSHOTS_SINCE, { no_snapshots: transfer.noSnapshots ?? false }),
    ...since(minor, 57, {
      source_project_id: transfer.projectId,
      destination_project_id: transfer.accepted?.projectId ?? null,
      accepted: transfer.accepted !== null,
    }),
  };
}

export const listedTransfers: Listed<Transfer> = {
  name: "Transfer",
  fields: {
    id: ({ id }) => id,
    name: ({ name }) => name,
    volume_id: ({ volumeId }) => volumeId,
    created_at: ({ createdAtMs }) => fieldTime(createdAtMs),
  },
  strictSince: Number.POSITIVE_INFINITY,
  sortKeys: ["id", "name", "volume_id", "created_at"],
  metadata: () => ({}),
};
