import {
  ATTACHMENT_ACTIONS,
  ATTACHMENT_WAY,
  BACKEND_ACTIONS,
  BACKEND_WAY,
  GROUP_ACTIONS,
  GROUP_SNAPSHOT_ACTIONS,
  GROUP_WAY,
  type Permission,
  SNAPSHOT_ACTIONS,
  SNAPSHOT_WAY,
  VOLUME_ACTIONS,
  VOLUME_WAY,
} from "./allowed.ts";

const DOCUMENTED = {
  volume: { actions: VOLUME_ACTIONS, ways: VOLUME_WAY },
  snapshot: { actions: SNAPSHOT_ACTIONS, ways: SNAPSHOT_WAY },
  group: { actions: GROUP_ACTIONS, ways: GROUP_WAY },
  "group snapshot": { actions: GROUP_SNAPSHOT_ACTIONS, ways: SNAPSHOT_WAY },
  attachment: { actions: ATTACHMENT_ACTIONS, ways: ATTACHMENT_WAY },
  backend: { actions: BACKEND_ACTIONS, ways: BACKEND_WAY },
} as const;

/** The table as the documentation shows it: a row a state, the actions it allows, and the way on. */
export function allowedTable(kind: keyof typeof DOCUMENTED): string {
  const { actions, ways } = DOCUMENTED[kind];
  const rows = Object.entries(ways).map(([status, way]) => {
    const named = (wanted: Permission): string[] =>
      Object.entries(actions)
        .filter(([, row]: [string, Readonly<Record<string, Permission>>]) => row[status] === wanted)
        .map(([action]) => action);
    const same = [...named("again"), ...named("same")].map((action) => `${action} (the same)`);
    const idle = named("idle").map((action) => `${action} (while nothing works on it)`);
    const shared = named("shared").map((action) => `${action} (the same host, or where several may)`);
    const inPlace = named("in place").map((action) => `${action} (where it stands)`);
    const empty = named("empty").map((action) => `${action} (while nothing is on it)`);
    return `| ${status} | ${[...named("yes"), ...same, ...shared, ...idle, ...inPlace, ...empty].join(", ")} | ${way} |`;
  });
  return [`| ${kind} is | may be asked | for anything else |`, "| --- | --- | --- |", ...rows].join("\n");
}
