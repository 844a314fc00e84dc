import { createHash, randomBytes, randomUUID } from "node:crypto";
import type { Transfer } from "#shared/model/transfer.ts";
import { findTransfer } from "../../core/transfers.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { callerOf } from "../request-context.ts";
import { BodyFields } from "./fields.ts";
import { type LinkBase, linkBaseOf } from "./rest/addresses.ts";
import { type Listed, listPage, type Query } from "./rest/listing.ts";
import { refusal } from "./rest/refusal.ts";
import { fieldTime } from "./rest/times.ts";
import type { InProject, OnObject } from "./routes.ts";

/** Offers of volumes from project to project (`os-volume-transfer`). Snapshots go with their volume. */
export function transferRoutes(app: Api, base: string, { engine, settings }: ApiDependencies): void {
  const { state } = engine;
  const path = `${base}/os-volume-transfer`;

  app.post<InProject>(path, async (request, reply) => {
    const { project } = request.params;
    const { scope, userId, requestId } = callerOf(request, project);
    const fields = BodyFields.under("transfer", request.body);
    const volumeId = fields.uuid("volume_id");
    if (volumeId === null) throw refusal("volume_id is needed: the volume to offer");
    const key = randomBytes(8).toString("hex");
    const salt = randomBytes(8).toString("hex");
    const transfer = await engine.submit("transfer.create", {
      id: randomUUID(),
      scope,
      userId,
      requestId,
      volumeId,
      name: fields.text("name") ?? "",
      salt,
      keyHash: hashOf(salt, key),
    });
    const links = linkBaseOf(request.headers, settings.publicUrl, project);
    const view = { ...transferDetail(transfer, links), auth_key: key };
    return reply.code(202).header("cache-control", "no-store").send({ transfer: view });
  });

  for (const detail of [false, true])
    app.get<InProject & { Querystring: Query }>(`${path}${detail ? "/detail" : ""}`, (request, reply) => {
      const { project } = request.params;
      const caller = callerOf(request, project);
      const links = linkBaseOf(request.headers, settings.publicUrl, project);
      const open = new Map([...state.table("transfer")].filter(([, { accepted }]) => accepted === null));
      const { items } = listPage(listedTransfers, open, { query: request.query, caller, minor: request.minor });
      const view = detail ? transferDetail : transferSummary;
      return reply.send({ transfers: items.map((transfer) => view(transfer, links)) });
    });

  app.get<OnObject>(`${path}/:id`, (request, reply) => {
    const { id, project } = request.params;
    const transfer = findTransfer(state, id, callerOf(request, project).scope);
    const links = linkBaseOf(request.headers, settings.publicUrl, project);
    return reply.send({ transfer: transferDetail(transfer, links) });
  });

  app.delete<OnObject>(`${path}/:id`, async (request, reply) => {
    const { id, project } = request.params;
    const { scope, userId, requestId } = callerOf(request, project);
    await engine.submit("transfer.delete", { scope, id, userId, requestId });
    return reply.code(202).send();
  });

  app.post<OnObject>(`${path}/:id/accept`, async (request, reply) => {
    const { id, project } = request.params;
    const { projectId, userId, requestId } = callerOf(request, project);
    const key = BodyFields.under("accept", request.body).text("auth_key");
    if (key === undefined) throw refusal("auth_key is needed: it was told when the transfer was made");
    const keyHash = hashOf(findTransfer(state, id, null).salt, key);
    const transfer = await engine.submit("transfer.accept", { id, projectId, userId, requestId, keyHash });
    const links = linkBaseOf(request.headers, settings.publicUrl, project);
    return reply.code(202).send({ transfer: transferSummary(transfer, links) });
  });
}

function hashOf(salt: string, key: string): string {
  return createHash("sha256").update(`${salt} ${key}`).digest("hex");
}

const listedTransfers: Listed<Transfer> = {
  name: "Transfer",
  fields: {
    id: ({ id }) => id,
    name: ({ name }) => name,
    volume_id: ({ volumeId }) => volumeId,
    created_at: ({ createdAtMs }) => fieldTime(createdAtMs),
  },
  sortKeys: ["id", "name", "volume_id", "created_at"],
  metadata: () => ({}),
};

function transferSummary({ id, name, volumeId }: Transfer, base: LinkBase): object {
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

function transferDetail(transfer: Transfer, base: LinkBase): object {
  return { ...transferSummary(transfer, base), created_at: fieldTime(transfer.createdAtMs) };
}
