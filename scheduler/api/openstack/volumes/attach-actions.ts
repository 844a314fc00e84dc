import { randomUUID } from "node:crypto";
import { Type } from "typebox";
import type { ApiDependencies } from "../../dependencies.ts";
import { connect } from "../attachments/connect.ts";
import { accessOf, connector, mode } from "../attachments/connector.ts";
import { type Action, action } from "../rest/action.ts";
import { needed, under, underOrNull, unsaid } from "../rest/body.ts";
import { uuid, word } from "../rest/kinds.ts";
import { refusal } from "../rest/refusal.ts";

const InitializeBody = under("os-initialize_connection", {
  connector: needed(connector, "an object with the host's initiator, host or ip that says who connects"),
});
const TerminateBody = underOrNull("os-terminate_connection", { connector });
const AttachBody = under("os-attach", { instance_uuid: word, host_name: word, mountpoint: word, mode });
const detachBody = (name: string) => underOrNull(name, { attachment_id: uuid, connector });

const ConnectionInfo = Type.Object({
  connection_info: Type.Object({
    driver_volume_type: Type.String(),
    data: Type.Record(Type.String(), Type.Unknown()),
  }),
});

/** The actions by which hosts come and go, as the field has them beside its attachments. */
export function attachActions(dependencies: ApiDependencies): readonly Action[] {
  const { engine } = dependencies;
  return [
    action(InitializeBody, {
      action: "os-initialize_connection",
      name: "volume_extension:volume_actions:initialize_connection",
      summary: "Let a host in",
      status: 200,
      answer: ConnectionInfo,
      handle: async ({ caller, param, body }) => {
        const { whom, mode: asked } = body.connector;
        const wish = { access: accessOf(asked) };
        const { info } = await connect(dependencies, param("id"), caller, whom, { wish });
        return { connection_info: { driver_volume_type: info.driver_volume_type, data: { ...info.data } } };
      },
    }),
    action(TerminateBody, {
      action: "os-terminate_connection",
      name: "volume_extension:volume_actions:terminate_connection",
      summary: "Shut a host out; without a connector, all of them",
      status: 202,
      handle: ({ by, param, body }) =>
        engine.submit("attachment.disconnect", {
          ...by,
          id: param("id"),
          connector: body.connector?.whom ?? null,
        }),
    }),
    action(unsaid("os-reserve"), {
      action: "os-reserve",
      name: "volume_extension:volume_actions:reserve",
      summary: "Say that somebody will attach it",
      status: 202,
      handle: async ({ by, param }) => {
        const nothing = { access: "rw", instanceId: null, mountpoint: null } as const;
        const on = { ...by, id: param("id"), attachmentId: randomUUID(), ...nothing };
        await engine.submit("attachment.reserve", { ...on, announced: true });
      },
    }),
    announce(dependencies, "os-unreserve", "unreserve", "unreserve"),
    announce(dependencies, "os-begin_detaching", "begin_detaching", "begin detaching"),
    announce(dependencies, "os-roll_detaching", "roll_detaching", "roll detaching back"),
    action(AttachBody, {
      action: "os-attach",
      name: "volume_extension:volume_actions:attach",
      summary: "Say who has attached it, and as what",
      status: 202,
      handle: async ({ by, param, body }) => {
        const [instanceId, hostName] = [body.instance_uuid ?? null, body.host_name ?? null];
        if (instanceId === null && hostName === null)
          throw refusal("instance_uuid or host_name is needed: who has attached it");
        const given = { instanceId, hostName, mountpoint: body.mountpoint ?? null, access: accessOf(body.mode) };
        await engine.submit("volume.attached", { ...by, id: param("id"), attachmentId: randomUUID(), ...given });
      },
    }),
    detach(dependencies, "os-detach", false),
    detach(dependencies, "os-force_detach", true),
  ];
}

function announce(
  { engine }: ApiDependencies,
  name: string,
  rule: string,
  what: "unreserve" | "begin detaching" | "roll detaching back",
): Action {
  return action(unsaid(name), {
    action: name,
    name: `volume_extension:volume_actions:${rule}`,
    summary: `Say that it is to ${what}`,
    status: 202,
    handle: ({ by, param }) => engine.submit("volume.announce", { ...by, id: param("id"), what }),
  });
}

/** What is gone is done; without an id it must be clear which is meant. */
function detach({ engine }: ApiDependencies, name: "os-detach" | "os-force_detach", force: boolean): Action {
  return action(detachBody(name), {
    action: name,
    name: force ? "volume_extension:volume_admin_actions:force_detach" : "volume_extension:volume_actions:detach",
    summary: force ? "Shut a host out without waiting for the backend" : "Say that it is no longer attached",
    access: force ? "admin" : "member",
    status: 202,
    handle: async ({ by, param, body }) => {
      const id = param("id");
      const wanted = body.attachment_id;
      const whom = body.connector?.whom ?? null;
      const existing = engine.state.attachmentsOf(id);
      if (wanted !== undefined) {
        if (existing.some((one) => one.id === wanted))
          await engine.submit("attachment.detach", { ...by, id: wanted, force });
        return;
      }
      if (existing.length > 1 && whom === null)
        throw refusal(`attachment_id is needed: the volume has ${existing.length} attachments`);
      await engine.submit("attachment.disconnect", { ...by, id, connector: whom, force });
    },
  });
}
