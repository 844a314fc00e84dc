import { randomUUID } from "node:crypto";
import { BerthError } from "#shared/errors.ts";
import type { Volume } from "#shared/model/volume.ts";
import { findVolume } from "../../../core/find.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { action, actionsOn } from "../rest/action.ts";
import { needed, since, under, unsaid } from "../rest/body.ts";
import { uuid, word } from "../rest/kinds.ts";
import { type Operation, operation, operationWith } from "../rest/operation.ts";
import { listOperations } from "../rest/page.ts";
import { shownStatus } from "../volumes/view.ts";
import { connect } from "./connect.ts";
import { accessOf, connector, mode } from "./connector.ts";
import {
  AttachmentAnswer,
  AttachmentDetail,
  AttachmentSummary,
  AttachmentsAnswer,
  attachmentDetail,
  attachmentSummary,
  findTold,
  listedAttachments,
  told,
} from "./view.ts";

/** Attachments came with 3.27, saying that one is complete with 3.44, the mode with 3.54. */
const SINCE = 27;

const CreateBody = under("attachment", {
  volume_uuid: needed(uuid, "the volume to attach"),
  instance_uuid: word,
  connector,
  mode: since(54, mode),
});
const UpdateBody = under("attachment", {
  connector: needed(connector, "it says which host is to be let in"),
  mode: since(54, mode),
});

/** The field's attachments: reserve, connect for a host, complete, detach. */
export function attachmentOperations(dependencies: ApiDependencies): readonly Operation[] {
  const { engine } = dependencies;
  const { state } = engine;
  return [
    operationWith(CreateBody, {
      name: "volume:attachment_create",
      summary: "Reserve a volume for a server, or let a host in at once",
      method: "POST",
      path: "/attachments",
      access: "member",
      since: SINCE,
      status: 200,
      secret: true,
      answer: AttachmentAnswer,
      handle: async ({ body, by, caller }) => {
        const { volume_uuid: id, connector: given } = body;
        const wish = {
          access: accessOf(body.mode, given?.mode),
          instanceId: body.instance_uuid ?? null,
          mountpoint: given?.mountpoint ?? null,
        };
        // So that another's volume is not found, rather than not allowed.
        refuseBroken(findVolume(state, id, by.scope), "created", "E_WRONG_STATE");
        if (given === undefined) {
          const on = { ...by, id, attachmentId: randomUUID(), announced: false };
          return { attachment: attachmentDetail(await engine.submit("attachment.reserve", { ...on, ...wish })) };
        }
        const asked = { wish: { ...wish, awaitsCompletion: true } };
        const letIn = await connect(dependencies, id, caller, given.whom, asked);
        return { attachment: attachmentDetail(letIn.attachment, letIn) };
      },
    }),
    ...listOperations({
      object: "volume:attachment",
      path: "/attachments",
      key: "attachments",
      linksKey: "attachments_links",
      since: SINCE,
      listed: listedAttachments,
      table: () => told(state),
      summary: { schema: AttachmentSummary, view: attachmentSummary },
      detail: { schema: AttachmentDetail, view: (attachment) => attachmentDetail(attachment) },
    }),
    operation({
      name: "volume:attachment_get",
      summary: "One attachment",
      method: "GET",
      path: "/attachments/:id",
      access: "reader",
      since: SINCE,
      status: 200,
      answer: AttachmentAnswer,
      handle: ({ by, param }) => ({ attachment: attachmentDetail(findTold(state, param("id"), by.scope)) }),
    }),
    operationWith(UpdateBody, {
      name: "volume:attachment_update",
      summary: "Let a host in on the account of a reservation",
      method: "PUT",
      path: "/attachments/:id",
      access: "member",
      since: SINCE,
      status: 200,
      secret: true,
      answer: AttachmentAnswer,
      handle: async ({ body, by, caller, param }) => {
        const { id, volumeId } = findTold(state, param("id"), by.scope);
        refuseBroken(findVolume(state, volumeId, by.scope), "updated", "E_CONFLICT");
        const { whom, mountpoint, mode: own } = body.connector;
        const asked = body.mode ?? own;
        const wish = {
          ...(asked == null ? {} : { access: asked }),
          ...(mountpoint === null ? {} : { mountpoint }),
          awaitsCompletion: true,
        };
        const letIn = await connect(dependencies, volumeId, caller, whom, { wish, reservationId: id });
        return { attachment: attachmentDetail(letIn.attachment, letIn) };
      },
    }),
    actionsOn(
      {
        name: "volume:attachment_action",
        summary: "Say that a host has attached it",
        path: "/attachments/:id/action",
        since: 44,
      },
      [
        action(unsaid("os-complete"), {
          action: "os-complete",
          name: "volume:attachment_complete",
          summary: "The host has attached it",
          since: 44,
          status: 204,
          handle: async ({ by, param }) => {
            const { id } = findTold(state, param("id"), by.scope);
            await engine.submit("attachment.complete", { ...by, id });
          },
        }),
      ],
    ),
    operation({
      name: "volume:attachment_delete",
      summary: "Detach; answers in short what else of the volume is attached, while an agent shuts the host out",
      method: "DELETE",
      path: "/attachments/:id",
      access: "member",
      since: SINCE,
      status: 200,
      answer: AttachmentsAnswer,
      handle: async ({ by, param }) => {
        const { id, volumeId } = findTold(state, param("id"), by.scope);
        await engine.submit("attachment.detach", { ...by, id, force: false });
        const others = state.attachmentsOf(volumeId).filter((one) => one.id !== id);
        return { attachments: others.map(attachmentSummary) };
      },
    }),
  ];
}

/** Whose error a host would share. */
function refuseBroken(volume: Volume, what: "created" | "updated", code: "E_CONFLICT" | "E_WRONG_STATE"): void {
  const status = shownStatus(volume);
  if (status.startsWith("error"))
    throw new BerthError(
      code,
      `Invalid volume: Volume attachments can not be ${what} if the volume is in an error state. The Volume ${volume.id} currently has a status of: ${status}`,
    );
}
