import type { ApiDependencies } from "../../dependencies.ts";
import { type Action, action } from "../rest/action.ts";
import { under, unsaid } from "../rest/body.ts";
import { boolean } from "../rest/kinds.ts";
import { refusal } from "../rest/refusal.ts";
import { statusWord } from "../rest/status-word.ts";
import { resetStatus } from "./reset-status.ts";

const ResetBody = under("os-reset_status", {
  status: statusWord,
  attach_status: statusWord,
  migration_status: statusWord,
});
const ExtendedBody = under("os-extend_volume_completion", { error: boolean });
const RULE = "volume_extension:volume_admin_actions";

/** What administrators may do beside their users. */
export function adminActions(dependencies: ApiDependencies): readonly Action[] {
  const { engine } = dependencies;
  return [
    action(ResetBody, {
      action: "os-reset_status",
      name: `${RULE}:reset_status`,
      summary: "Say what its status is, as far as its backend does not say otherwise",
      access: "admin",
      status: 202,
      handle: async ({ by, param, body }) => await resetStatus(dependencies, { ...by, id: param("id") }, body),
    }),
    action(unsaid("os-force_delete"), {
      action: "os-force_delete",
      name: `${RULE}:force_delete`,
      summary: "Delete it whatever state it is in, as far as no host has it",
      access: "admin",
      status: 202,
      handle: ({ by, param }) => engine.submit("volume.delete", { ...by, id: param("id"), force: true }),
    }),
    action(ExtendedBody, {
      action: "os-extend_volume_completion",
      name: `${RULE}:extend_volume_completion`,
      summary: "What a hypervisor says that has grown a volume; Berth completes extensions by itself",
      access: "admin",
      since: 71,
      status: 202,
      handle: () => {
        throw refusal("Berth completes extensions by itself: it does not wait for a hypervisor to say so");
      },
    }),
  ];
}
