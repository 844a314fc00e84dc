import { moveMeans } from "../../../move-means.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { type Action, action } from "../rest/action.ts";
import { needed, since, under } from "../rest/body.ts";
import { boolean, oneOf, reference, uuid } from "../rest/kinds.ts";
import { refusal } from "../rest/refusal.ts";

const RetypeBody = under("os-retype", {
  new_type: needed(reference, "the name or id of the volume type that it shall be of"),
  migration_policy: oneOf(["never", "on-demand"]),
});

/** A volume that is moved is always locked, whatever `lock_volume` says. */
const MigrateBody = under("os-migrate_volume", {
  host: reference,
  cluster: since(16, reference),
  force_host_copy: boolean,
  lock_volume: boolean,
});

const CompleteBody = under("os-migrate_volume_completion", {
  new_volume: needed(uuid, "the volume that the data were copied to"),
  error: boolean,
});

/** By which a volume comes to be of another type, or elsewhere. */
export function moveActions({ engine, sealingKey }: ApiDependencies): readonly Action[] {
  const means = () => ({ ...moveMeans(sealingKey), bandwidthLimitBytesPerS: null });
  return [
    action(RetypeBody, {
      action: "os-retype",
      name: "volume:retype",
      summary: "Make it of another type, by moving it if need be and allowed",
      status: 202,
      handle: async ({ by, param, body }) => {
        const wanted = { flavor: body.new_type, policy: body.migration_policy ?? "never" };
        await engine.submit("volume.retype", { ...by, id: param("id"), ...means(), ...wanted });
      },
    }),
    action(MigrateBody, {
      action: "os-migrate_volume",
      name: "volume_extension:volume_admin_actions:migrate_volume",
      summary: "Move it to another backend",
      access: "admin",
      status: 202,
      handle: async ({ by, param, body }) => {
        if (body.cluster !== undefined) throw refusal("cluster cannot be given: there are no clusters here, give host");
        const to = { backend: backendOf(body.host), zone: null };
        const forceCopy = body.force_host_copy ?? false;
        await engine.submit("volume.migrate", { ...by, id: param("id"), ...means(), to, forceCopy });
      },
    }),
    action(CompleteBody, {
      action: "os-migrate_volume_completion",
      name: "volume_extension:volume_admin_actions:migrate_volume_completion",
      summary: "What a hypervisor says that has copied a volume; Berth completes migrations by itself",
      access: "admin",
      status: 200,
      handle: () => {
        throw refusal("Berth completes migrations by itself: no other volume can be put in the place of this one");
      },
    }),
  ];
}

/** `host@backend#pool`, as volumes show it. */
function backendOf(host: string | undefined): string {
  if (host === undefined) throw refusal("host is needed: the backend to move to, as host@backend#pool");
  const backend = /^(?:[^@]*@)?([^@#]+)(?:#.*)?$/.exec(host)?.[1];
  if (backend === undefined) throw refusal("host must be written host@backend#pool");
  return backend;
}
