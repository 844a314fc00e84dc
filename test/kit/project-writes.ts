import { DEFAULT_GROUP_TYPE } from "#shared/model/group-type.ts";
import { FLAVOR, HOST, KEY, type Owned, STRANGERS_PROJECT, type Strangers } from "./owned-objects.ts";

/** A request that succeeds for whoever owns what it names. */
export interface Write {
  /** What stands for `:id`. */
  readonly id?: (owned: Owned) => string;
  readonly body?: (owned: Owned) => object;
}

const VOLUME: Write["id"] = ({ volume }) => volume;
const action = (id: NonNullable<Write["id"]>, name: string, argument: Write["body"] = () => ({})): Write => ({
  id,
  body: (owned) => ({ [name]: argument(owned) }),
});

const VOLUME_ACTIONS: readonly Write[] = [
  action(VOLUME, "os-extend", () => ({ new_size: 2 })),
  action(
    ({ snapshotted }) => snapshotted,
    "revert",
    ({ snapshot }) => ({ snapshot_id: snapshot }),
  ),
  action(VOLUME, "os-retype", () => ({ new_type: FLAVOR, migration_policy: "on-demand" })),
  action(VOLUME, "os-migrate_volume", () => ({ host: "host@store-2#store-2" })),
  action(VOLUME, "os-set_bootable", () => ({ bootable: true })),
  action(VOLUME, "os-update_readonly_flag", () => ({ readonly: true })),
  action(VOLUME, "os-unmanage"),
  action(VOLUME, "os-set_image_metadata", () => ({ metadata: { os: "debian" } })),
  action(VOLUME, "os-initialize_connection", () => ({ connector: HOST })),
  action(
    ({ attachedVolume }) => attachedVolume,
    "os-terminate_connection",
    () => ({ connector: HOST }),
  ),
  action(VOLUME, "os-reserve"),
  action(({ announcedVolume }) => announcedVolume, "os-unreserve"),
  action(({ attachedVolume }) => attachedVolume, "os-begin_detaching"),
  action(({ attachedVolume }) => attachedVolume, "os-roll_detaching"),
  action(
    ({ connectedVolume }) => connectedVolume,
    "os-attach",
    () => ({ instance_uuid: "99858d73-1a0c-4293-a5d6-1dfacb7512ff", mountpoint: "/dev/vdb" }),
  ),
  action(
    ({ attachedVolume }) => attachedVolume,
    "os-detach",
    ({ attachment }) => ({ attachment_id: attachment }),
  ),
  action(
    ({ attachedVolume }) => attachedVolume,
    "os-force_detach",
    ({ attachment }) => ({ attachment_id: attachment }),
  ),
];

const METADATA = () => ({ metadata: { new: "value" } });
const META = () => ({ meta: { [KEY]: "changed" } });

/**
 * Each way in which a member of a project makes or changes something, by its route without the project. What is not here
 * is the administrators' (`config.access`), or `test/unit/api-strangers.test.ts` fails.
 */
export const WRITES: Readonly<Record<string, readonly Write[]>> = {
  "POST /volumes": [
    { body: ({ snapshotted }) => ({ volume: { size: 1, volume_type: "gold", source_volid: snapshotted } }) },
    { body: ({ snapshot }) => ({ volume: { size: 1, volume_type: "gold", snapshot_id: snapshot } }) },
    { body: ({ group }) => ({ volume: { size: 1, volume_type: "gold", group_id: group } }) },
    { body: () => ({ volume: { size: 1, volume_type: FLAVOR } }) },
    {
      body: ({ volume }) => ({ volume: { size: 1 }, "OS-SCH-HNT:scheduler_hints": { same_host: [volume] } }),
    },
  ],
  "PUT /volumes/:id": [{ id: VOLUME, body: () => ({ volume: { name: "renamed" } }) }],
  "DELETE /volumes/:id": [{ id: VOLUME }],
  "POST /volumes/:id/metadata": [{ id: VOLUME, body: METADATA }],
  "PUT /volumes/:id/metadata": [{ id: VOLUME, body: METADATA }],
  "PUT /volumes/:id/metadata/:key": [{ id: VOLUME, body: META }],
  "DELETE /volumes/:id/metadata/:key": [{ id: VOLUME }],
  "POST /volumes/:id/action": VOLUME_ACTIONS,
  "POST /snapshots": [{ body: ({ volume }) => ({ snapshot: { volume_id: volume } }) }],
  "PUT /snapshots/:id": [{ id: ({ snapshot }) => snapshot, body: () => ({ snapshot: { name: "renamed" } }) }],
  "DELETE /snapshots/:id": [{ id: ({ snapshot }) => snapshot }],
  "POST /snapshots/:id/metadata": [{ id: ({ snapshot }) => snapshot, body: METADATA }],
  "PUT /snapshots/:id/metadata": [{ id: ({ snapshot }) => snapshot, body: METADATA }],
  "PUT /snapshots/:id/metadata/:key": [{ id: ({ snapshot }) => snapshot, body: META }],
  "DELETE /snapshots/:id/metadata/:key": [{ id: ({ snapshot }) => snapshot }],
  // For administrators, each of them.
  "POST /snapshots/:id/action": [],
  "POST /attachments": [
    { body: ({ volume }) => ({ attachment: { volume_uuid: volume, instance_uuid: "server" } }) },
    { body: ({ volume }) => ({ attachment: { volume_uuid: volume, instance_uuid: "server", connector: HOST } }) },
  ],
  "PUT /attachments/:id": [{ id: ({ reservation }) => reservation, body: () => ({ attachment: { connector: HOST } }) }],
  "POST /attachments/:id/action": [action(({ connected }) => connected, "os-complete")],
  "DELETE /attachments/:id": [{ id: ({ attachment }) => attachment }],
  "POST /os-volume-transfer": [{ body: ({ volume }) => ({ transfer: { volume_id: volume } }) }],
  "DELETE /os-volume-transfer/:id": [{ id: ({ transfer }) => transfer }],
  "POST /volume-transfers": [{ body: ({ volume }) => ({ transfer: { volume_id: volume } }) }],
  "DELETE /volume-transfers/:id": [{ id: ({ transfer }) => transfer }],
  "DELETE /messages/:id": [{ id: ({ message }) => message }],
  "POST /groups": [{ body: () => ({ group: { group_type: DEFAULT_GROUP_TYPE.id, volume_types: [FLAVOR] } }) }],
  "POST /groups/action": [
    { body: ({ group }) => ({ "create-from-src": { source_group_id: group } }) },
    { body: ({ groupSnapshot }) => ({ "create-from-src": { group_snapshot_id: groupSnapshot } }) },
  ],
  "PUT /groups/:id": [
    { id: ({ group }) => group, body: () => ({ group: { name: "renamed" } }) },
    { id: ({ group }) => group, body: ({ volume }) => ({ group: { add_volumes: volume } }) },
  ],
  "POST /groups/:id/action": [
    action(
      ({ emptyGroup }) => emptyGroup,
      "delete",
      () => ({ "delete-volumes": true }),
    ),
    action(
      ({ group }) => group,
      "reset_status",
      () => ({ status: "error" }),
    ),
  ],
  "POST /group_snapshots": [{ body: ({ group }) => ({ group_snapshot: { group_id: group } }) }],
  "DELETE /group_snapshots/:id": [{ id: ({ groupSnapshot }) => groupSnapshot }],
  "POST /group_snapshots/:id/action": [
    action(
      ({ groupSnapshot }) => groupSnapshot,
      "reset_status",
      () => ({ status: "error" }),
    ),
  ],
};

/** What there is none of, whoever asks; so nobody can change it. */
export const NOTHING_THERE: readonly string[] = [
  "POST /backups",
  "PUT /backups/:id",
  "DELETE /backups/:id",
  "POST /backups/:id/restore",
  "POST /backups/:id/action",
];

/** Actions that nobody can do here, or that only read; so nothing is changed by them. */
export const CHANGELESS_ACTIONS: Readonly<Record<string, readonly string[]>> = {
  "POST /volumes/:id/action": [
    "os-unset_image_metadata",
    "os-show_image_metadata",
    "os-volume_upload_image",
    "os-reimage",
    "os-migrate_volume_completion",
  ],
  "POST /groups/:id/action": [
    "enable_replication",
    "disable_replication",
    "failover_replication",
    "list_replication_targets",
  ],
};

/** Through what is the stranger's own to what is not: method, path, body. */
export function detours(owned: Owned, mine: Strangers): readonly (readonly ["POST" | "PUT", string, object])[] {
  const act = `/volumes/${mine.volume}/action`;
  const all = { all_tenants: 1, project_id: STRANGERS_PROJECT };
  return [
    ["POST", act, { revert: { snapshot_id: owned.snapshot } }],
    ["POST", act, { "os-retype": { new_type: FLAVOR, migration_policy: "on-demand" } }],
    ["POST", act, { "os-detach": { attachment_id: owned.attachment } }],
    ["POST", act, { "os-force_detach": { attachment_id: owned.attachment } }],
    ["PUT", `/groups/${mine.group}`, { group: { add_volumes: owned.volume } }],
    ["PUT", `/groups/${mine.group}`, { group: { remove_volumes: owned.member } }],
    ["PUT", `/volumes/${owned.volume}`, { volume: { name: "renamed", ...all } }],
  ];
}
