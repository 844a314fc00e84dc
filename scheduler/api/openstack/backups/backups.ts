import { Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import { findVolume } from "../../../core/find.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { action, actionsOn } from "../rest/action.ts";
import { needed, since, under, underOrNull, unsaid } from "../rest/body.ts";
import { boolean, metadata, reference, text, uuid } from "../rest/kinds.ts";
import type { Listed } from "../rest/listing.ts";
import { type Operation, operation, operationWith } from "../rest/operation.ts";
import { listOperations } from "../rest/page.ts";

const CreateBody = under("backup", {
  volume_id: needed(uuid, "the volume to copy"),
  container: reference,
  name: text,
  description: text,
  incremental: boolean,
  force: boolean,
  snapshot_id: uuid,
  metadata: since(43, metadata),
  availability_zone: since(51, reference),
});
const UpdateBody = underOrNull("backup", { name: text, description: text, metadata: since(43, metadata) });
const RestoreBody = underOrNull("restore", { volume_id: uuid, name: text });
const ImportBody = under("backup-record", {
  backup_service: needed(text, "the service that made it"),
  backup_url: needed(text, "the record"),
});
const ResetBody = under("os-reset_status", { status: needed(text, "the status that it shall have") });

interface Backup {
  readonly id: string;
  readonly projectId: string;
  readonly name: string;
  readonly status: string;
  readonly volumeId: string;
}
const NONE: ReadonlyMap<string, Backup> = new Map();

export const listedBackups: Listed<Backup> = {
  name: "Backup",
  fields: {
    id: ({ id }) => id,
    name: ({ name }) => name,
    status: ({ status }) => status,
    volume_id: ({ volumeId }) => volumeId,
  },
  sortKeys: ["id", "name", "status", "size", "volume_id", "created_at", "updated_at"],
  metadata: () => ({}),
};
const BackupView = Type.Object({ id: Type.String(), name: Type.String() });
const view = ({ id, name }: Backup) => ({ id, name });

/** Berth makes no backups: it answers as the field's service does where no backup service runs. */
export function backupOperations({ engine }: ApiDependencies): readonly Operation[] {
  const none = (id: string): never => {
    throw new BerthError("E_NOT_FOUND", `Backup ${id.slice(0, 80)} could not be found.`);
  };
  const noService = (): never => {
    throw new BerthError("E_UNAVAILABLE", "Service cinder-backup could not be found.");
  };
  return [
    operationWith(CreateBody, {
      name: "backup:create",
      summary: "Make a backup: there is no service that does",
      method: "POST",
      path: "/backups",
      access: "member",
      status: 202,
      handle: ({ body, by }) => {
        findVolume(engine.state, body.volume_id, by.scope);
        noService();
      },
    }),
    ...listOperations({
      object: "backup",
      path: "/backups",
      key: "backups",
      linksKey: "backups_links",
      listed: listedBackups,
      table: () => NONE,
      summary: { schema: BackupView, view },
      detail: { schema: BackupView, view },
    }),
    operation({
      name: "backup:get",
      summary: "One backup: there is none",
      method: "GET",
      path: "/backups/:id",
      access: "reader",
      status: 200,
      handle: ({ param }) => none(param("id")),
    }),
    operationWith(UpdateBody, {
      name: "backup:update",
      summary: "Change a backup: there is none",
      method: "PUT",
      path: "/backups/:id",
      access: "member",
      since: 9,
      status: 200,
      handle: ({ param }) => none(param("id")),
    }),
    operation({
      name: "backup:delete",
      summary: "Delete a backup: there is none",
      method: "DELETE",
      path: "/backups/:id",
      access: "member",
      status: 202,
      handle: ({ param }) => none(param("id")),
    }),
    operationWith(RestoreBody, {
      name: "backup:restore",
      summary: "Make a volume of a backup: there is none",
      method: "POST",
      path: "/backups/:id/restore",
      access: "member",
      status: 202,
      handle: ({ param }) => none(param("id")),
    }),
    operation({
      name: "backup:export-import",
      summary: "A backup's record: there is none",
      method: "GET",
      path: "/backups/:id/export_record",
      access: "admin",
      status: 200,
      handle: ({ param }) => none(param("id")),
    }),
    operationWith(ImportBody, {
      name: "backup:backup-import",
      summary: "Take in another's record: there is no service that does",
      method: "POST",
      path: "/backups/import_record",
      access: "admin",
      status: 202,
      handle: () => noService(),
    }),
    actionsOn(
      { name: "backup:action", summary: "Do something with a backup: there is none", path: "/backups/:id/action" },
      [
        action(ResetBody, {
          action: "os-reset_status",
          name: "volume_extension:backup_admin_actions:reset_status",
          summary: "Set its status",
          access: "admin",
          status: 202,
          handle: ({ param }) => none(param("id")),
        }),
        action(unsaid("os-force_delete"), {
          action: "os-force_delete",
          name: "volume_extension:backup_admin_actions:force_delete",
          summary: "Delete it whatever its status",
          access: "admin",
          status: 202,
          handle: ({ param }) => none(param("id")),
        }),
      ],
    ),
  ];
}
