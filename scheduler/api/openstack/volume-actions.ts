import type { Api, ApiDependencies } from "../dependencies.ts";
import { type Caller, callerOf } from "../request-context.ts";
import { withSecondLook } from "../second-look.ts";
import { ATTACH_ACTIONS } from "./attach-actions.ts";
import { BodyFields, isJsonObject, refusal } from "./fields.ts";
import { completeMigration, migrate, retype } from "./move-actions.ts";
import type { OnObject } from "./routes.ts";

export interface Answer {
  readonly status: 200 | 202;
  readonly body?: object;
}

export type Action = (dependencies: ApiDependencies, id: string, caller: Caller, argument: unknown) => Promise<Answer>;

const ACTIONS: ReadonlyMap<string, Action> = new Map<string, Action>([
  ["os-extend", extend],
  ["revert", revert],
  ...ATTACH_ACTIONS,
  ["os-retype", retype],
  ["os-migrate_volume", migrate],
  ["os-migrate_volume_completion", completeMigration],
  ["os-set_bootable", setBootable],
  ["os-update_readonly_flag", setReadOnly],
  ["os-unmanage", unmanage],
]);

/** `POST …/volumes/ID/action` with `{"<action>": argument}`. */
export function actionRoutes(app: Api, base: string, dependencies: ApiDependencies): void {
  app.post<OnObject>(`${base}/volumes/:id/action`, async (request, reply) => {
    const caller = callerOf(request, request.params.project);
    const { body } = request;
    const [name, ...others] = isJsonObject(body) ? Object.keys(body) : [];
    if (!isJsonObject(body) || name === undefined || others.length > 0)
      throw refusal("the body must be a JSON object with one key, the action");
    const action = ACTIONS.get(name);
    if (action === undefined)
      throw refusal(`There is no such action: ${name.slice(0, 60)}; actions are: ${[...ACTIONS.keys()].join(", ")}`);
    const answer = await action(dependencies, request.params.id, caller, body[name]);
    return reply.code(answer.status).header("cache-control", "no-store").send(answer.body);
  });
}

async function extend(dependencies: ApiDependencies, id: string, caller: Caller, argument: unknown): Promise<Answer> {
  const newSizeGib = argumentFields(argument).sizeGib("new_size");
  if (newSizeGib === null) throw refusal("new_size is needed: the whole size in GiB that the volume shall have");
  const { scope, userId, requestId } = caller;
  const wanted = { scope, id, userId, requestId, newSizeGib };
  await withSecondLook(dependencies, () => dependencies.engine.submit("volume.extend", wanted));
  return { status: 202 };
}

async function setBootable(
  { engine }: ApiDependencies,
  id: string,
  caller: Caller,
  argument: unknown,
): Promise<Answer> {
  const bootable = argumentFields(argument).neededBoolean("bootable");
  const { scope, userId, requestId } = caller;
  await engine.submit("volume.flag", { scope, id, userId, requestId, flags: { bootable } });
  return { status: 200 };
}

async function setReadOnly(
  { engine }: ApiDependencies,
  id: string,
  caller: Caller,
  argument: unknown,
): Promise<Answer> {
  const readOnly = argumentFields(argument).neededBoolean("readonly");
  const { scope, userId, requestId } = caller;
  await engine.submit("volume.flag", { scope, id, userId, requestId, flags: { readOnly } });
  return { status: 202 };
}

async function revert(dependencies: ApiDependencies, id: string, caller: Caller, argument: unknown): Promise<Answer> {
  const snapshotId = argumentFields(argument).uuid("snapshot_id");
  if (snapshotId === null) throw refusal("snapshot_id is needed: the volume's newest snapshot");
  const { scope, userId, requestId } = caller;
  const wanted = { scope, id, userId, requestId, snapshotId };
  await withSecondLook(dependencies, () => dependencies.engine.submit("volume.revert", wanted));
  return { status: 202 };
}

async function unmanage({ engine }: ApiDependencies, id: string, caller: Caller): Promise<Answer> {
  const { scope, userId, requestId } = caller;
  await engine.submit("volume.unmanage", { scope, id, userId, requestId });
  return { status: 202 };
}

function argumentFields(argument: unknown): BodyFields {
  if (!isJsonObject(argument)) throw refusal("the action's argument must be a JSON object");
  return new BodyFields(argument);
}
