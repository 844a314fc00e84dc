import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import { type Operation, operation } from "../rest/operation.ts";

const ExtensionView = Type.Object({
  alias: Type.String(),
  name: Type.String(),
  description: Type.String(),
  updated: Type.String(),
  links: Type.Array(Type.Never()),
});
type ExtensionView = Static<typeof ExtensionView>;

/** What is served of the field's extensions, by the alias that clients look for, with the name and the day that the field gives it. */
const EXTENSIONS: readonly ExtensionView[] = [
  extension("OS-SCH-HNT", "SchedulerHints", "2013-04-18", "Hints to the scheduler with a new volume"),
  extension("capabilities", "Capabilities", "2015-08-31", "What volume types may ask of a backend"),
  extension("os-admin-actions", "AdminActions", "2012-08-25", "Actions for administrators"),
  extension("os-availability-zone", "AvailabilityZones", "2013-06-27", "Zones"),
  extension("os-extended-services", "ExtendedServices", "2014-01-10", "Why services are disabled"),
  extension(
    "os-extended-snapshot-attributes",
    "ExtendedSnapshotAttributes",
    "2012-06-19",
    "Progress and project of snapshots",
  ),
  extension("os-hosts", "Hosts", "2011-06-29", "Hosts, for administrators"),
  extension("os-quota-class-sets", "QuotaClasses", "2012-03-12", "Default limits"),
  extension("os-quota-sets", "Quotas", "2011-08-08", "Limits of projects"),
  extension("os-services", "Services", "2012-10-28", "Services"),
  extension("os-snapshot-actions", "SnapshotActions", "2013-07-16", "Actions on snapshots"),
  extension("os-snapshot-manage", "SnapshotManage", "2014-12-31", "Snapshots that are managed on a backend"),
  extension("os-snapshot-unmanage", "SnapshotUnmanage", "2014-12-31", "Letting go of snapshots"),
  extension("os-types-extra-specs", "TypesExtraSpecs", "2011-08-24", "Extra specs of volume types"),
  extension("os-types-manage", "TypesManage", "2011-08-24", "Making and changing volume types"),
  extension("os-used-limits", "UsedLimits", "2013-10-03", "What is used of limits"),
  extension("os-vol-host-attr", "VolumeHostAttribute", "2011-11-03", "Where a volume is"),
  extension("os-vol-mig-status-attr", "VolumeMigStatusAttribute", "2013-08-08", "How far a volume's migration is"),
  extension("os-vol-tenant-attr", "VolumeTenantAttribute", "2011-11-03", "Whose a volume is"),
  extension("os-volume-actions", "VolumeActions", "2012-05-31", "Actions on volumes"),
  extension("os-volume-manage", "VolumeManage", "2014-02-10", "Taking over what others made on a backend"),
  extension("os-volume-transfer", "VolumeTransfer", "2013-05-29", "Volumes from one project to another"),
  extension("os-volume-type-access", "VolumeTypeAccess", "2014-06-26", "Who may use a volume type"),
  extension("os-volume-unmanage", "VolumeUnmanage", "2012-05-31", "Letting go of volumes"),
  extension("qos-specs", "Qos_specs_manage", "2013-08-02", "QoS of volume types"),
  extension("scheduler-stats", "Scheduler_stats", "2014-09-07", "What the scheduler knows of backends"),
];

function extension(alias: string, name: string, day: string, description: string): ExtensionView {
  return { alias, name, description, updated: `${day}T00:00:00+00:00`, links: [] };
}

export function extensionOperations(): readonly Operation[] {
  return [
    operation({
      name: "extensions:get_all",
      summary: "The field's extensions that are served",
      method: "GET",
      path: "/extensions",
      access: "reader",
      status: 200,
      answer: Type.Object({ extensions: Type.Array(ExtensionView) }),
      handle: () => ({ extensions: [...EXTENSIONS] }),
    }),
    operation({
      name: "extensions:get",
      summary: "One of them",
      method: "GET",
      path: "/extensions/:alias",
      access: "reader",
      status: 200,
      answer: Type.Object({ extension: ExtensionView }),
      handle: ({ param }) => {
        const found = EXTENSIONS.find(({ alias }) => alias === param("alias"));
        if (found !== undefined) return { extension: found };
        throw new BerthError("E_NOT_FOUND", "The resource could not be found.");
      },
    }),
  ];
}
