import { randomUUID } from "node:crypto";
import { BerthError } from "#shared/errors.ts";
import type { Attachment, AttachmentStatus } from "#shared/model/attachment.ts";
import { findAttachment } from "../../core/attach-steps.ts";
import type { State } from "../../core/state.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { callerOf } from "../request-context.ts";
import { linkBaseOf } from "./addresses.ts";
import { connect, type LetIn } from "./connect.ts";
import { readConnector, readMode, readWord } from "./connector.ts";
import { BodyFields, isJsonObject, refusal } from "./fields.ts";
import { type Listed, listPage, type Query } from "./listing.ts";
import type { InProject, OnObject } from "./routes.ts";
import { fieldTime } from "./times.ts";

/** The field's attachments: reserve, connect for a host, complete, detach. */
export function attachmentRoutes(app: Api, base: string, dependencies: ApiDependencies): void {
  const { engine, settings } = dependencies;
  const { state } = engine;
  const path = `${base}/attachments`;

  app.post<InProject>(path, async (request, reply) => {
    const caller = callerOf(request, request.params.project);
    const fields = BodyFields.under("attachment", request.body);
    const given = argumentOf(request.body);
    const id = fields.uuid("volume_uuid");
    if (id === null) throw refusal("volume_uuid is needed: the volume to attach");
    const connector = readConnector(given.connector);
    const wish = {
      access: readMode(fields, given.connector),
      instanceId: readWord(fields, "instance_uuid"),
      mountpoint: mountpointOf(given.connector),
    };
    void reply.header("cache-control", "no-store");
    if (connector !== null) {
      const letIn = await connect(dependencies, id, caller, connector, { wish: { ...wish, awaitsCompletion: true } });
      return { attachment: attachmentDetail(letIn.attachment, letIn) };
    }
    const { scope, userId, requestId } = caller;
    const on = { scope, id, userId, requestId, attachmentId: randomUUID(), announced: false };
    return { attachment: attachmentDetail(await engine.submit("attachment.reserve", { ...on, ...wish })) };
  });

  for (const detail of [false, true])
    app.get<InProject & { Querystring: Query }>(`${path}${detail ? "/detail" : ""}`, (request, reply) => {
      const { projectId } = callerOf(request, request.params.project);
      const links = linkBaseOf(request.headers, settings.publicUrl, request.params.project);
      const { items, next } = listPage(listedAttachments, told(state), request.query, projectId);
      const href = `${links.self}/attachments${detail ? "/detail" : ""}?${next}`;
      return reply.send({
        attachments: items.map((one) => (detail ? attachmentDetail(one) : attachmentSummary(one))),
        ...(next === null ? {} : { attachments_links: [{ rel: "next", href }] }),
      });
    });

  app.get<OnObject>(`${path}/:id`, async (request) => {
    const { scope } = callerOf(request, request.params.project);
    return { attachment: attachmentDetail(findTold(state, request.params.id, scope)) };
  });

  app.put<OnObject>(`${path}/:id`, async (request, reply) => {
    const caller = callerOf(request, request.params.project);
    const fields = BodyFields.under("attachment", request.body);
    const given = argumentOf(request.body);
    const { id, volumeId } = findTold(state, request.params.id, caller.scope);
    const connector = readConnector(given.connector);
    if (connector === null) throw refusal("connector is needed: it says which host is to be let in");
    const mode = fields.text("mode") === undefined && !hasMode(given.connector) ? {} : modeOf(fields, given.connector);
    const mountpoint = mountpointOf(given.connector);
    const wish = { ...mode, ...(mountpoint === null ? {} : { mountpoint }), awaitsCompletion: true };
    const letIn = await connect(dependencies, volumeId, caller, connector, { wish, reservationId: id });
    void reply.header("cache-control", "no-store");
    return { attachment: attachmentDetail(letIn.attachment, letIn) };
  });

  app.post<OnObject>(`${path}/:id/action`, async (request, reply) => {
    const { scope, userId, requestId } = callerOf(request, request.params.project);
    const { body } = request;
    if (!isJsonObject(body) || Object.keys(body).join() !== "os-complete")
      throw refusal("the body must be a JSON object with one key, the action: os-complete");
    const { id } = findTold(state, request.params.id, scope);
    await engine.submit("attachment.complete", { scope, id, userId, requestId });
    return reply.code(204).send();
  });

  /** Answers what else of the volume is attached; an agent shuts the host out meanwhile. */
  app.delete<OnObject>(`${path}/:id`, async (request) => {
    const { scope, userId, requestId } = callerOf(request, request.params.project);
    const { id, volumeId } = findTold(state, request.params.id, scope);
    await engine.submit("attachment.detach", { scope, id, userId, requestId, force: false });
    const others = state.attachmentsOf(volumeId).filter((one) => one.id !== id);
    return { attachments: others.map((one) => attachmentDetail(one)) };
  });
}

/** Of snapshots, and those that are on their way out by force, the field knows nothing. */
function isTold({ snapshotId, status }: Attachment): boolean {
  return snapshotId === null && status !== "evicting";
}

function told(state: State): ReadonlyMap<string, Attachment> {
  return new Map([...state.table("attachment")].filter(([, attachment]) => isTold(attachment)));
}

function findTold(state: State, id: string, scope: string | null): Attachment {
  const attachment = findAttachment(state, id, scope);
  if (isTold(attachment)) return attachment;
  throw new BerthError("E_NOT_FOUND", `Attachment ${id} could not be found.`);
}

/** The field's word for it. */
const FIELD_STATUS: Readonly<Record<AttachmentStatus, string>> = {
  reserved: "reserved",
  announced: "attaching",
  attaching: "attaching",
  error_attaching: "error_attaching",
  connected: "attaching",
  attached: "attached",
  leaving: "attached",
  detaching: "detaching",
  error_detaching: "error_detaching",
  evicting: "detached",
};

function attachmentSummary({ id, status, instanceId, volumeId }: Attachment): object {
  return { id, status: FIELD_STATUS[status], instance: instanceId, volume_id: volumeId };
}

/** Flat, unlike what `os-initialize_connection` answers. */
function attachmentDetail(attachment: Attachment, letIn?: LetIn): object {
  const { id, status, createdAtMs, access, connectionInfo } = attachment;
  const isAttached = status === "attached" || status === "leaving";
  const kept =
    connectionInfo === null ? null : { driver_volume_type: connectionInfo.driverVolumeType, ...connectionInfo.data };
  const info = letIn === undefined ? kept : { driver_volume_type: letIn.info.driver_volume_type, ...letIn.info.data };
  return {
    ...attachmentSummary(attachment),
    attached_at: isAttached ? fieldTime(createdAtMs) : "",
    detached_at: "",
    attach_mode: access,
    connection_info: info === null ? {} : { ...info, attachment_id: id },
  };
}

const listedAttachments: Listed<Attachment> = {
  name: "Attachment",
  fields: {
    id: ({ id }) => id,
    volume_id: ({ volumeId }) => volumeId,
    status: ({ status }) => FIELD_STATUS[status],
    attach_status: ({ status }) => FIELD_STATUS[status],
    instance_id: ({ instanceId }) => instanceId,
    created_at: ({ createdAtMs }) => fieldTime(createdAtMs),
  },
  sortKeys: ["id", "created_at"],
  metadata: () => ({}),
};

function argumentOf(body: unknown): Readonly<Record<string, unknown>> {
  const given = isJsonObject(body) ? body.attachment : undefined;
  return isJsonObject(given) ? given : {};
}

function mountpointOf(connector: unknown): string | null {
  return isJsonObject(connector) ? readWord(new BodyFields(connector), "mountpoint") : null;
}

function hasMode(connector: unknown): boolean {
  return isJsonObject(connector) && new BodyFields(connector).text("mode") !== undefined;
}

function modeOf(fields: BodyFields, connector: unknown) {
  return { access: readMode(fields, connector) };
}
