import type { BackendView } from "#scheduler/api/operator/schemas.ts";
import type { Properties } from "#shared/model/extra-specs.ts";
import { formatDuration } from "#shared/units.ts";
import type { Output } from "./output.ts";
import { ageText, capacityText } from "./quantities.ts";
import { stateTone } from "./style.ts";
import type { Cell, Column } from "./table.ts";

export const BACKEND_COLUMNS: readonly Column<BackendView>[] = [
  { title: "id", align: "right", cell: ({ id }) => String(id) },
  { title: "name", cell: ({ name }) => ({ text: name, tone: "strong" }) },
  { title: "type", cell: ({ driver }) => driver },
  { title: "zone", cell: ({ zone }) => zone },
  { title: "admission", cell: ({ admission }) => ({ text: admission.state, tone: stateTone(admission.state) }) },
  { title: "health", cell: ({ health }) => ({ text: health, tone: stateTone(health) }) },
  { title: "available", align: "right", cell: ({ capacity }) => capacityText(capacity?.availableBytes) },
  {
    title: "total",
    align: "right",
    cell: ({ capacity }) => capacityText(capacity?.limitBytes ?? capacity?.totalBytes),
  },
  { title: "volumes", align: "right", cell: ({ volumes }) => String(volumes) },
  { title: "report", align: "right", cell: ({ reportAgeMs }) => ageText(reportAgeMs) },
  { title: "flavors", wrap: true, cell: ({ flavors }) => flavors.join(", ") },
];

/** Everything about one backend: what was declared, how it is, what it holds. */
export function backendText(output: Output, backend: BackendView): string {
  const { capacity } = backend;
  return output.fields([
    ["id", String(backend.id)],
    ["name", { text: backend.name, tone: "strong" }],
    ["type", backend.driver],
    ["zone", backend.zone],
    ["host", backend.host],
    ["flavors", backend.flavors.length === 0 ? null : backend.flavors.join(", ")],
    ["admission", admissionCell(backend)],
    ["side", backend.replicationTargets.length === 0 ? null : backend.side],
    ["mirrored on", targetsLine(backend)],
    ["frozen", backend.frozen ? "yes" : null],
    ["health", healthCell(backend)],
    ["report", reportLine(backend)],
    ["available", capacityText(capacity?.availableBytes)],
    ["limit", capacity?.limitBytes == null ? null : capacityText(capacity.limitBytes)],
    ["pool total", capacityText(capacity?.totalBytes)],
    ["pool free", capacityText(capacity?.freeBytes)],
    ["provisioned", capacityText(capacity?.provisionedBytes)],
    ["not yet measured", capacityText(capacity?.unmeasuredBytes)],
    ["thin", capacity === null ? null : capacity.thin ? "yes" : "no"],
    ["objects", objectsLine(backend)],
    ["pool", capacity?.poolId ?? null],
    ["can", capacity === null ? null : capacity.capabilities.join(", ")],
    ["reports", capacity?.properties === undefined ? null : propertiesText(capacity.properties)],
    ["volumes", `${backend.volumes}, and ${backend.snapshots} snapshots`],
    ["jobs", `${backend.jobsInHand} in hand, ${backend.jobsWaiting} waiting`],
    ["parameters", keyValues(backend.parameters)],
    ["settings", settingsLine(backend.settings)],
  ]);
}

function admissionCell({ admission }: BackendView): Cell {
  const reason = admission.state === "enabled" ? "" : `: ${admission.reason}`;
  return { text: `${admission.state}${reason}`, tone: stateTone(admission.state) };
}

function targetsLine({ replicationTargets }: BackendView): string | null {
  if (replicationTargets.length === 0) return null;
  return replicationTargets.map(({ name, parameters }) => `${name} (${keyValues(parameters)})`).join(", ");
}

function healthCell({ health, healthDetail }: BackendView): Cell {
  return { text: healthDetail === null ? health : `${health}: ${healthDetail}`, tone: stateTone(health) };
}

function reportLine({ reportAgeMs, reportedBy }: BackendView): string | null {
  if (reportAgeMs === null) return null;
  return `${formatDuration(reportAgeMs)} old${reportedBy === null ? "" : `, by ${reportedBy}`}`;
}

function objectsLine({ capacity }: BackendView): string | null {
  if (capacity === null) return null;
  return capacity.maxObjects === null
    ? String(capacity.objectCount)
    : `${capacity.objectCount} of ${capacity.maxObjects}`;
}

/** By the names that `backend set` takes. */
function settingsLine(settings: BackendView["settings"]): string {
  return keyValues({
    max_concurrent: settings.maxConcurrent,
    reserved_percentage: settings.reservedPercentage,
    max_over_subscription_ratio: settings.maxOverSubscriptionRatio,
    physical_free_floor_gib: settings.physicalFreeFloorGib,
    report_max_age_s: settings.reportMaxAgeMs === null ? "default" : settings.reportMaxAgeMs / 1000,
    allow_unknown_capacity: settings.allowUnknownCapacity,
    ...Object.fromEntries(
      Object.entries(settings.properties ?? {}).map(([name, value]) => [`property:${name}`, String(value)]),
    ),
  });
}

/** What flavors can ask for; what is false or empty is left out, and what has a line of its own. */
function propertiesText(properties: Properties): string {
  const told = Object.entries(properties).filter(([name, value]) => value !== false && !name.endsWith("_gb"));
  return keyValues(Object.fromEntries(told.map(([name, value]) => [name, String(value)])));
}

function keyValues(values: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");
}
