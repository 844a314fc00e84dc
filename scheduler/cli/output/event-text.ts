import type { BerthEvent } from "#shared/events/event.ts";
import { formatDuration } from "#shared/units.ts";
import { safeText } from "./safe-text.ts";
import type { Paint, Tone } from "./style.ts";

/** As long as most types of events, so that what follows stands in columns. */
const TYPE_WIDTH = 26;

/** An event in one line. */
export function eventLine(event: BerthEvent, paint: Paint): string {
  const { at, type, projectId, object, error } = event;
  const name = object.name === undefined || object.name === "" ? object.id : `${object.name} (${object.id})`;
  const what = object.kind === "events" ? "" : `${object.kind.replaceAll("_", " ")} ${name}`;
  const parts = [projectId ?? "-", what, ...detailsOf(event)].filter((part) => part !== "").map(safeText);
  const told = error === null ? "" : `  ${paint("bad", safeText(error.message))}`;
  return `${paint("quiet", at)}  ${paint(toneOf(type), type.padEnd(TYPE_WIDTH))}  ${parts.join("  ")}${told}\n`;
}

function toneOf(type: string): Tone {
  if (type.endsWith(".error") || type.endsWith(".down") || type === "events.gap") return "bad";
  if (type.endsWith(".start")) return "busy";
  return type.endsWith(".end") || type.endsWith(".up") ? "good" : "quiet";
}

function detailsOf({ object }: BerthEvent): string[] {
  const { status, sizeGib, newSizeGib, zone, host, volumeId, toProjectId, side, reason, silentMs, missed } = object;
  const details = [
    status,
    sizeGib === undefined ? undefined : `${sizeGib} GiB`,
    newSizeGib === undefined ? undefined : `to ${newSizeGib} GiB`,
    zone ?? undefined,
    object.kind === "volume" || volumeId === undefined ? undefined : `of volume ${volumeId}`,
    host === undefined ? undefined : `host ${host}`,
    toProjectId === undefined ? undefined : `to project ${toProjectId}`,
    side === undefined ? undefined : `side ${side}`,
    silentMs === undefined || silentMs === 0 ? undefined : `silent for ${formatDuration(silentMs)}`,
    reason,
    ...(object.changes ?? []).map(({ kind, name, what }) => `${kind} ${name} ${what}`),
    missed === undefined ? undefined : `${missed ?? "some"} events before this are lost`,
  ].filter((one) => one !== undefined && one !== "");
  return details.length === 0 ? [] : [details.join(", ")];
}
