import type { Connector } from "#shared/model/attachment.ts";
import { hostOf } from "../../core/attachments.ts";
import { findSnapshot, findVolume } from "../../core/find.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { connectSnapshot } from "../openstack/attachments/connect.ts";
import { connector } from "../openstack/attachments/connector.ts";
import { isJsonObject, refusal } from "../openstack/rest/refusal.ts";
import { callerOf } from "../request-context.ts";
import { AttachmentsAnswer } from "./connection-schemas.ts";

interface OnId {
  Params: { id: string };
}

/** What the field has no call for: snapshots that hosts read, and all that may be let in, also what was detached by force. */
export function connectionRoutes(app: Api, base: string, dependencies: ApiDependencies): void {
  const { engine, log } = dependencies;
  const { state } = engine;

  for (const [path, find] of [
    ["volumes", findVolume],
    ["snapshots", findSnapshot],
  ] as const)
    app.get<OnId>(
      `${base}/${path}/:id/attachments`,
      { schema: { response: { 200: AttachmentsAnswer } } },
      async ({ params }) => {
        const { id } = find(state, params.id, null);
        const attachments = [...state.attachmentsOf(id), ...state.evictionsOf(id)];
        return {
          attachments: attachments.map(({ connector: host, lastError, ...one }) => ({
            id: one.id,
            status: one.status,
            host: host === null ? null : hostOf(host),
            access: one.access,
            instanceId: one.instanceId,
            mountpoint: one.mountpoint,
            lastError: lastError?.message ?? null,
            createdAtMs: one.createdAtMs,
          })),
        };
      },
    );

  app.post<OnId>(`${base}/snapshots/:id/connect`, async (request, reply) => {
    const whom = connectorOf(request.body);
    if (whom === null) throw refusal("connector is needed: an object with the host's initiator, host or ip");
    const caller = callerOf(request, undefined);
    const { info } = await connectSnapshot(dependencies, request.params.id, caller, whom);
    return reply.header("cache-control", "no-store").send({ connection_info: info });
  });

  /** No connector: every host is shut out. */
  app.post<OnId>(`${base}/snapshots/:id/disconnect`, async (request, reply) => {
    const { userId, requestId } = callerOf(request, undefined);
    const on = { scope: null, id: request.params.id, userId, requestId };
    const force = forceOf(request.body);
    await engine.submit("snapshot.disconnect", { ...on, connector: connectorOf(request.body), force });
    if (force) log.warn({ snapshotId: on.id, userId, requestId }, "hosts detached by force");
    return reply.code(202).send({});
  });

  /** By force: the volume is free at once, and its backend is told until it has done it. */
  app.post<OnId>(`${base}/volumes/:id/disconnect`, async (request, reply) => {
    const { userId, requestId } = callerOf(request, undefined);
    const on = { scope: null, id: request.params.id, userId, requestId };
    const force = forceOf(request.body);
    await engine.submit("attachment.disconnect", { ...on, connector: connectorOf(request.body), force });
    if (force) log.warn({ volumeId: on.id, userId, requestId }, "hosts detached by force");
    return reply.code(202).send({});
  });
}

function connectorOf(body: unknown): Connector | null {
  const given = isJsonObject(body) ? body.connector : undefined;
  return given == null ? null : connector.read("connector", given).whom;
}

function forceOf(body: unknown): boolean {
  return isJsonObject(body) && body.force === true;
}
