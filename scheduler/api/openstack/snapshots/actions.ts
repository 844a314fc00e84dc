import { BerthError } from "#shared/errors.ts";
import { findSnapshot } from "../../../core/find.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { resetSnapshotTo } from "../../resets.ts";
import { noSnapshots } from "../manage/snapshots.ts";
import { action, actionsOn } from "../rest/action.ts";
import { needed, under, unsaid } from "../rest/body.ts";
import { text } from "../rest/kinds.ts";
import type { Operation } from "../rest/operation.ts";
import { refusal } from "../rest/refusal.ts";
import { statusWord } from "../rest/status-word.ts";

const ResetBody = under("os-reset_status", { status: needed(statusWord, "available or error") });
const UpdateStatusBody = under("os-update_snapshot_status", {
  status: needed(statusWord, "what has become of it"),
  progress: text,
});
const RULE = "volume_extension:snapshot_admin_actions";

/** `POST …/snapshots/ID/action`, all for administrators. */
export function snapshotActions(dependencies: ApiDependencies): Operation {
  const { engine } = dependencies;
  const { state } = engine;
  return actionsOn(
    { name: "volume:snapshot_action", summary: "Do something with a snapshot", path: "/snapshots/:id/action" },
    [
      action(ResetBody, {
        action: "os-reset_status",
        name: `${RULE}:reset_status`,
        summary: "Say what its status is, as far as its backend does not say otherwise",
        access: "admin",
        status: 202,
        handle: async ({ by, param, body: { status } }) => {
          const on = { ...by, id: param("id") };
          const snapshot = findSnapshot(state, on.id, by.scope);
          if (status !== "available" && status !== "error")
            throw refusal(
              `status cannot be reset to ${status}: it can be available, error; other states pass, and each has a way on of its own`,
            );
          if (status === "error") await engine.submit("snapshot.hold", { ...on, as: "error" });
          else if (snapshot.status === "error")
            await resetSnapshotTo(dependencies, { ...on, to: "available", by: by.userId, reason: "os-reset_status" });
          else if (snapshot.status === "available") await engine.submit("snapshot.hold", { ...on, as: null });
          else
            throw new BerthError(
              "E_WRONG_STATE",
              `Invalid snapshot: snapshot ${on.id} is ${snapshot.status}, which ends by itself or by what the backend answers`,
            );
        },
      }),
      action(unsaid("os-force_delete"), {
        action: "os-force_delete",
        name: `${RULE}:force_delete`,
        summary: "Delete it whatever state it is in; nothing of it stays",
        access: "admin",
        status: 202,
        handle: ({ by, param }) => engine.submit("snapshot.delete", { ...by, id: param("id") }),
      }),
      action(UpdateStatusBody, {
        action: "os-update_snapshot_status",
        name: "snapshot_extension:snapshot_actions:update_snapshot_status",
        summary: "What a hypervisor says that takes a snapshot; Berth takes them by itself",
        access: "admin",
        status: 202,
        handle: ({ by, param, body: { status } }) => {
          const now = findSnapshot(state, param("id"), by.scope).status;
          if (now !== "creating" && now !== "deleting")
            throw refusal(`Snapshot status ${now} not allowed for update_snapshot_status`);
          if (status !== now)
            throw refusal(
              `Provided snapshot status ${status} not allowed for snapshot with status ${now}: Berth itself finishes what it is at.`,
            );
        },
      }),
      action(unsaid("os-unmanage"), {
        action: "os-unmanage",
        name: "snapshot_extension:snapshot_unmanage",
        summary: "Let go of it: no driver can",
        access: "admin",
        status: 202,
        handle: ({ by, param }) => {
          throw noSnapshots(state.backend(findSnapshot(state, param("id"), by.scope).backendId));
        },
      }),
    ],
  );
}
