import { createHash, randomBytes, randomUUID } from "node:crypto";
import { Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import type { Transfer } from "#shared/model/transfer.ts";
import { encryptionOf } from "../../../core/encryption.ts";
import { findVolume } from "../../../core/find.ts";
import type { State } from "../../../core/state.ts";
import { findTransfer } from "../../../core/transfers.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { needed, since, under } from "../rest/body.ts";
import { boolean, kind, text, uuid } from "../rest/kinds.ts";
import { one, type Query } from "../rest/listing.ts";
import { type Operation, operation, operationWith, type Viewer } from "../rest/operation.ts";
import { listOperations } from "../rest/page.ts";
import { refusal } from "../rest/refusal.ts";
import {
  listedTransfers,
  MadeTransfer,
  NO_SNAPSHOTS_SINCE,
  TransferDetail,
  TransferSummary,
  transferDetail,
  transferSummary,
} from "./view.ts";

const CreateBody = under("transfer", {
  volume_id: needed(uuid, "the volume to offer"),
  name: text,
  no_snapshots: since(NO_SNAPSHOTS_SINCE, boolean),
});

/** Some clients send one that is all digits as a number. */
const authKey = kind(
  Type.Union([Type.String({ maxLength: 255 }), Type.Integer()]),
  "the key, as it was told",
  (value) => String(value),
);
const AcceptBody = under("accept", { auth_key: needed(authKey, "it was told when the transfer was made") });

/** The two paths by which the field knows the same offers, and what sets them apart. */
interface TransferPath {
  readonly path: "/volume-transfers" | "/os-volume-transfer";
  /** Policies know one name for both. */
  readonly suffix: "" | ":os-volume-transfer";
  readonly since: { readonly since?: number };
  /** From here on the newest come first. */
  readonly newestFirstSince: number;
  /** From here on encrypted volumes may be offered. */
  readonly encryptedSince: number;
}

const PATHS: readonly TransferPath[] = [
  {
    path: "/volume-transfers",
    suffix: "",
    since: { since: NO_SNAPSHOTS_SINCE },
    newestFirstSince: 59,
    encryptedSince: 70,
  },
  {
    path: "/os-volume-transfer",
    suffix: ":os-volume-transfer",
    since: {},
    newestFirstSince: Number.POSITIVE_INFINITY,
    encryptedSince: Number.POSITIVE_INFINITY,
  },
];

/** Offers of volumes from project to project. */
export function transferOperations(dependencies: ApiDependencies): readonly Operation[] {
  return PATHS.flatMap((way) => operationsAt(way, dependencies));
}

function operationsAt(way: TransferPath, { engine }: ApiDependencies): readonly Operation[] {
  const { state } = engine;
  const { path, suffix } = way;
  return [
    operationWith(CreateBody, {
      ...way.since,
      name: `volume:create_transfer${suffix}`,
      summary: "Offer a volume, and its snapshots, to whoever has the key that this answers",
      method: "POST",
      path,
      access: "member",
      status: 202,
      secret: true,
      answer: Type.Object({ transfer: MadeTransfer }),
      handle: async (call) => {
        const { body, by, minor } = call;
        const { volume_id: volumeId, name = "", no_snapshots: noSnapshots = false } = body;
        if (minor < way.encryptedSince && encryptionOf(state, findVolume(state, volumeId, by.scope)) !== undefined)
          throw refusal("Invalid volume: transferring encrypted volume is not supported");
        const key = randomBytes(8).toString("hex");
        const salt = randomBytes(8).toString("hex");
        const offer = { id: randomUUID(), volumeId, name, noSnapshots, salt, keyHash: hashOf(salt, key) };
        const transfer = await engine.submit("transfer.create", { ...by, ...offer });
        return { transfer: { ...transferDetail(transfer, call), auth_key: key } };
      },
    }),
    ...listOperations({
      object: `volume:transfer${suffix}`,
      path,
      key: "transfers",
      linksKey: "transfers_links",
      ...way.since,
      listed: listedTransfers,
      table: () => new Map([...state.table("transfer")].filter(([, { accepted }]) => accepted === null)),
      asked: ({ query, minor }) => (minor < way.newestFirstSince ? oldestFirst(query) : query),
      summary: { schema: TransferSummary, view: (transfer, { links }) => transferSummary(transfer, links) },
      detail: { schema: TransferDetail, view: transferDetail },
    }),
    operation({
      ...way.since,
      name: `volume:get_transfer${suffix}`,
      summary: "One offer that nobody has accepted",
      method: "GET",
      path: `${path}/:id`,
      access: "reader",
      status: 200,
      answer: Type.Object({ transfer: TransferDetail }),
      handle: (call) => ({ transfer: transferDetail(findOpen(state, call.param("id"), call), call) }),
    }),
    operation({
      ...way.since,
      name: `volume:delete_transfer${suffix}`,
      summary: "Take an offer back",
      method: "DELETE",
      path: `${path}/:id`,
      access: "member",
      status: 202,
      handle: async (call) => {
        const { id } = findOpen(state, call.param("id"), call);
        await engine.submit("transfer.delete", { ...call.by, id });
      },
    }),
    operationWith(AcceptBody, {
      ...way.since,
      name: `volume:accept_transfer${suffix}`,
      summary: "Take over what is offered",
      method: "POST",
      path: `${path}/:id/accept`,
      access: "member",
      status: 202,
      answer: Type.Object({ transfer: TransferSummary }),
      handle: async ({ body, caller, links, param }) => {
        const id = param("id");
        const { projectId, userId, requestId } = caller;
        const keyHash = hashOf(findTransfer(state, id, null).salt, body.auth_key);
        const transfer = await engine.submit("transfer.accept", { id, projectId, userId, requestId, keyHash });
        return { transfer: transferSummary(transfer, links) };
      },
    }),
  ];
}

/** One that was accepted is kept for who repeats that; to all others it is no longer there. */
function findOpen(state: State, id: string, { by }: Pick<Viewer, "by">): Transfer {
  const transfer = findTransfer(state, id, by.scope);
  if (transfer.accepted === null) return transfer;
  throw new BerthError("E_NOT_FOUND", `Transfer ${id} could not be found.`);
}

function oldestFirst(query: Query): Query {
  const isSaid = ["sort", "sort_key", "sort_dir"].some((name) => one(query, name) !== undefined);
  return isSaid ? query : { ...query, sort: "created_at:asc" };
}

function hashOf(salt: string, key: string): string {
  return createHash("sha256").update(`${salt} ${key}`).digest("hex");
}
