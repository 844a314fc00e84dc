import { randomUUID } from "node:crypto";
import type { ApiDependencies } from "../dependencies.ts";
import type { Caller } from "../request-context.ts";
import { connect } from "./connect.ts";
import { readConnector, readMode, readWord } from "./connector.ts";
import { BodyFields, isJsonObject, refusal } from "./fields.ts";
import type { Action, Answer } from "./volume-actions.ts";

/** The actions by which hosts come and go, as the field has them beside its attachments. */
export const ATTACH_ACTIONS: readonly (readonly [name: string, action: Action])[] = [
  ["os-initialize_connection", initializeConnection],
  ["os-terminate_connection", terminateConnection],
  ["os-reserve", reserve],
  ["os-unreserve", announce("unreserve")],
  ["os-begin_detaching", announce("begin detaching")],
  ["os-roll_detaching", announce("roll detaching back")],
  ["os-attach", attach],
  ["os-detach", detach(false)],
  ["os-force_detach", detach(true)],
];

async function initializeConnection(
  dependencies: ApiDependencies,
  id: string,
  caller: Caller,
  argument: unknown,
): Promise<Answer> {
  const given = isJsonObject(argument) ? argument.connector : undefined;
  const connector = readConnector(given);
  if (connector === null)
    throw refusal("connector is needed: an object with the host's initiator, host or ip that says who connects");
  const access = readMode(new BodyFields({}), given);
  const { info } = await connect(dependencies, id, caller, connector, { wish: { access } });
  return { status: 200, body: { connection_info: info } };
}

/** No connector: every host is shut out. */
async function terminateConnection(
  { engine }: ApiDependencies,
  id: string,
  caller: Caller,
  argument: unknown,
): Promise<Answer> {
  const connector = readConnector(isJsonObject(argument) ? argument.connector : undefined);
  const { scope, userId, requestId } = caller;
  await engine.submit("attachment.disconnect", { scope, id, userId, requestId, connector });
  return { status: 202 };
}

async function reserve({ engine }: ApiDependencies, id: string, caller: Caller): Promise<Answer> {
  const { scope, userId, requestId } = caller;
  const nothing = { access: "rw", instanceId: null, mountpoint: null } as const;
  const on = { scope, id, userId, requestId, attachmentId: randomUUID(), ...nothing };
  await engine.submit("attachment.reserve", { ...on, announced: true });
  return { status: 202 };
}

function announce(what: "unreserve" | "begin detaching" | "roll detaching back"): Action {
  return async ({ engine }, id, { scope, userId, requestId }) => {
    await engine.submit("volume.announce", { scope, id, userId, requestId, what });
    return { status: 202 };
  };
}

async function attach({ engine }: ApiDependencies, id: string, caller: Caller, argument: unknown): Promise<Answer> {
  const fields = argumentOf(argument);
  const given = {
    instanceId: readWord(fields, "instance_uuid"),
    hostName: readWord(fields, "host_name"),
    mountpoint: readWord(fields, "mountpoint"),
    access: readMode(fields, undefined),
  };
  if (given.instanceId === null && given.hostName === null)
    throw refusal("instance_uuid or host_name is needed: who has attached it");
  const { scope, userId, requestId } = caller;
  await engine.submit("volume.attached", { scope, id, userId, requestId, attachmentId: randomUUID(), ...given });
  return { status: 202 };
}

/** What is gone is done; without an id it must be clear which is meant. */
function detach(force: boolean): Action {
  return async ({ engine }, id, { scope, userId, requestId }, argument) => {
    const on = { scope, userId, requestId };
    const fields = argumentOf(argument ?? {});
    const wanted = fields.uuid("attachment_id");
    const connector = readConnector(isJsonObject(argument) ? argument.connector : undefined);
    const existing = engine.state.attachmentsOf(id);
    if (wanted !== null) {
      if (existing.some((one) => one.id === wanted))
        await engine.submit("attachment.detach", { ...on, id: wanted, force });
      return { status: 202 };
    }
    if (existing.length > 1 && connector === null)
      throw refusal(`attachment_id is needed: the volume has ${existing.length} attachments`);
    await engine.submit("attachment.disconnect", { ...on, id, connector, force });
    return { status: 202 };
  };
}

function argumentOf(argument: unknown): BodyFields {
  if (!isJsonObject(argument)) throw refusal("the action's argument must be a JSON object");
  return new BodyFields(argument);
}
