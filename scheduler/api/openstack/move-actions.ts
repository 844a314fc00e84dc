import { moveMeans } from "../../move-means.ts";
import type { ApiDependencies } from "../dependencies.ts";
import type { Caller } from "../request-context.ts";
import { BodyFields, isJsonObject, refusal } from "./fields.ts";

interface Accepted {
  readonly status: 202;
}

/** `new_type`, and whether it may be moved for it. */
export async function retype(
  dependencies: ApiDependencies,
  id: string,
  { scope, userId, requestId }: Caller,
  argument: unknown,
): Promise<Accepted> {
  const fields = fieldsOf(argument);
  const flavor = fields.reference("new_type");
  if (flavor === null) throw refusal("new_type is needed: the name or id of the volume type that it shall be of");
  const policy = fields.reference("migration_policy") ?? "never";
  if (policy !== "never" && policy !== "on-demand") throw refusal("migration_policy must be never or on-demand");
  const means = { ...moveMeans(dependencies.sealingKey), bandwidthLimitBytesPerS: null };
  await dependencies.engine.submit("volume.retype", { scope, id, userId, requestId, ...means, flavor, policy });
  return { status: 202 };
}

/** `host` is `host@backend#pool`, as volumes show it. A volume that is moved is always locked, whatever `lock_volume` says. */
export async function migrate(
  dependencies: ApiDependencies,
  id: string,
  { scope, userId, requestId }: Caller,
  argument: unknown,
): Promise<Accepted> {
  const fields = fieldsOf(argument);
  const host = fields.reference("host");
  if (host === null) throw refusal("host is needed: the backend to move to, as host@backend#pool");
  const backend = /^(?:[^@]*@)?([^@#]+)(?:#.*)?$/.exec(host)?.[1];
  if (backend === undefined) throw refusal("host must be written host@backend#pool");
  const forceCopy = fields.boolean("force_host_copy");
  fields.boolean("lock_volume");
  const means = { ...moveMeans(dependencies.sealingKey), bandwidthLimitBytesPerS: null };
  const to = { backend, zone: null };
  await dependencies.engine.submit("volume.migrate", { scope, id, userId, requestId, ...means, to, forceCopy });
  return { status: 202 };
}

/** The field's way to end a migration that a hypervisor has copied. */
export async function completeMigration(): Promise<Accepted> {
  throw refusal("Berth completes migrations by itself: no other volume can be put in the place of this one");
}

function fieldsOf(argument: unknown): BodyFields {
  if (!isJsonObject(argument)) throw refusal("the action's argument must be a JSON object");
  return new BodyFields(argument);
}
