import { isDeepStrictEqual } from "node:util";
import type { Catalogue } from "#shared/model/catalogue.ts";

/** What changed from one catalogue to the next, in one line for the log: "backend 3 (b) added; flavor gold changed". */
export function describeChanges(before: Catalogue, after: Catalogue): string {
  const parts = [
    ...listChanges(
      before.zones,
      after.zones,
      ({ name }) => `zone ${name}`,
      ({ name }) => name,
    ),
    ...listChanges(
      before.flavors,
      after.flavors,
      ({ name }) => `flavor ${name}`,
      ({ id }) => id,
    ),
    ...listChanges(
      before.backends,
      after.backends,
      ({ id, name }) => `backend ${id} (${name})`,
      ({ id }) => String(id),
    ),
    ...listChanges(
      before.qos,
      after.qos,
      ({ name }) => `QoS ${name}`,
      ({ id }) => id,
    ),
    ...listChanges(
      before.groupTypes ?? [],
      after.groupTypes ?? [],
      ({ name }) => `group type ${name}`,
      ({ id }) => id,
    ),
    ...listChanges(
      before.ec2Keys ?? [],
      after.ec2Keys ?? [],
      ({ accessKeyId }) => `EC2 key ${accessKeyId}`,
      ({ accessKeyId }) => accessKeyId,
    ),
    ...listChanges(
      Object.entries(before.ec2VolumeTypes ?? {}),
      Object.entries(after.ec2VolumeTypes ?? {}),
      ([type]) => `meaning of EC2's volume type ${type}`,
      ([type]) => type,
    ),
    ...listChanges(
      Object.entries(before.defaultFlavors),
      Object.entries(after.defaultFlavors),
      ([project]) => `default flavor of project ${project}`,
      ([project]) => project,
    ),
    ...listChanges(
      Object.entries(before.quotas.projects),
      Object.entries(after.quotas.projects),
      ([project]) => `quota of project ${project}`,
      ([project]) => project,
    ),
  ];
  if (!isDeepStrictEqual(before.quotas.default, after.quotas.default)) parts.push("default quota changed");
  if (before.defaultFlavor !== after.defaultFlavor) parts.push(`default flavor is ${after.defaultFlavor ?? "none"}`);
  return parts.length === 0 ? "nothing of note" : parts.join("; ");
}

function listChanges<T>(
  before: readonly T[],
  after: readonly T[],
  title: (item: T) => string,
  key: (item: T) => string,
): string[] {
  const old = new Map(before.map((item) => [key(item), item]));
  const now = new Set(after.map(key));
  return [
    ...after.flatMap((item) => {
      const was = old.get(key(item));
      if (was === undefined) return [`${title(item)} added`];
      return isDeepStrictEqual(was, item) ? [] : [`${title(item)} changed`];
    }),
    ...before.filter((item) => !now.has(key(item))).map((item) => `${title(item)} removed`),
  ];
}
