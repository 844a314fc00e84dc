import { BerthError } from "#shared/errors.ts";
import { findVolume } from "../../../core/find.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { withSecondLook } from "../../second-look.ts";
import { action, actionsOn } from "../rest/action.ts";
import { needed, under, unsaid } from "../rest/body.ts";
import { boolean, sizeGib, uuid } from "../rest/kinds.ts";
import type { Operation } from "../rest/operation.ts";
import { adminActions } from "./admin-actions.ts";
import { attachActions } from "./attach-actions.ts";
import { imageActions } from "./image-actions.ts";
import { moveActions } from "./move-actions.ts";

/** From here on a volume grows while it is in use. */
const IN_USE_SINCE = 42;

const ExtendBody = under("os-extend", {
  new_size: needed(sizeGib, "the whole size in GiB that the volume shall have"),
});
const RevertBody = under("revert", { snapshot_id: needed(uuid, "the volume's newest snapshot") });
const BootableBody = under("os-set_bootable", { bootable: needed(boolean, "true or false") });
const ReadOnlyBody = under("os-update_readonly_flag", { readonly: needed(boolean, "true or false") });

/** `POST …/volumes/ID/action` with `{"<action>": argument}`. */
export function volumeActions(dependencies: ApiDependencies): Operation {
  const { engine } = dependencies;
  return actionsOn({ name: "volume:action", summary: "Do something with a volume", path: "/volumes/:id/action" }, [
    action(ExtendBody, {
      action: "os-extend",
      name: "volume:extend",
      summary: "Make it larger",
      status: 202,
      handle: async ({ by, minor, param, body }) => {
        const { id, status } = findVolume(engine.state, param("id"), by.scope);
        if (status === "in-use" && minor < IN_USE_SINCE)
          throw new BerthError(
            "E_WRONG_STATE",
            `Invalid volume: Volume ${id} status must be 'available' to extend, currently in-use: from 3.${IN_USE_SINCE} on it may be in use.`,
          );
        const wanted = { ...by, id, newSizeGib: body.new_size };
        await withSecondLook(dependencies, () => engine.submit("volume.extend", wanted));
      },
    }),
    action(RevertBody, {
      action: "revert",
      name: "volume:revert_to_snapshot",
      summary: "Go back to the newest snapshot",
      since: 40,
      status: 202,
      handle: async ({ by, param, body }) => {
        const wanted = { ...by, id: param("id"), snapshotId: body.snapshot_id };
        await withSecondLook(dependencies, () => engine.submit("volume.revert", wanted));
      },
    }),
    ...attachActions(dependencies),
    ...moveActions(dependencies),
    ...imageActions(dependencies),
    ...adminActions(dependencies),
    action(BootableBody, {
      action: "os-set_bootable",
      name: "volume_extension:volume_actions:set_bootable",
      summary: "Say whether machines may boot from it",
      status: 200,
      handle: async ({ by, param, body: { bootable } }) => {
        await engine.submit("volume.flag", { ...by, id: param("id"), flags: { bootable } });
      },
    }),
    action(ReadOnlyBody, {
      action: "os-update_readonly_flag",
      name: "volume:update_readonly_flag",
      summary: "Say whether hosts may only read it",
      status: 202,
      handle: ({ by, param, body }) =>
        engine.submit("volume.flag", { ...by, id: param("id"), flags: { readOnly: body.readonly } }),
    }),
    action(unsaid("os-unmanage"), {
      action: "os-unmanage",
      name: "volume_extension:volume_unmanage",
      summary: "Let go of it, data untouched",
      access: "admin",
      status: 202,
      handle: ({ by, param }) => engine.submit("volume.unmanage", { ...by, id: param("id") }),
    }),
  ]);
}
