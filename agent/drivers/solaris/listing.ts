import { LISTED_PER_PAGE, type ListedObject, type ListPage } from "#shared/model/listing.ts";
import type { CallContext } from "../driver.ts";
import { objectOfName } from "../names.ts";
import { pageOf } from "../page.ts";
import { initiatorsTold } from "../san/listing.ts";
import { groupMembers, guidOf, unitGuids, viewsOfAll } from "./comstar.ts";
import type { SolarisHost } from "./host.ts";
import { isWhole, list, type ObjectNames, type Standing } from "./objects.ts";
import { isProbe } from "./set-up-check.ts";

/** Names first, which are short, then what of a page is to be told: a host may have thousands of them. */
export async function listPage(
  context: CallContext,
  host: SolarisHost,
  names: ObjectNames,
  after: string | null,
): Promise<ListPage> {
  const rows = await host.readZfs(context, ["list", "-H", "-o", "name", "-t", "volume,snapshot", "-r", names.base]);
  const wanted = rows
    .flatMap(([name]) => (name === undefined ? [] : listed(name, names.base)))
    .filter(({ key }) => after === null || key > after)
    .sort((one, other) => compare(one.key, other.key) || compare(one.name, other.name))
    .filter(({ key }, index, all) => all[index + 1]?.key !== key);
  const page = wanted.slice(0, LISTED_PER_PAGE);
  const standing = await standingOf(
    context,
    host,
    page.filter(({ ours }) => ours).map(({ name }) => name),
  );
  const letIn = await letInto(context, host, [...standing.values()]);
  const looked = page.map(({ key, name, ours }) => {
    if (!ours) return { name: key, seen: "foreign" as const };
    const found = standing.get(name);
    return { name: key, seen: found === undefined ? null : told(found, letIn) };
  });
  return pageOf(looked, wanted.length > page.length);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

interface Name {
  /** Orders the listing. */
  readonly key: string;
  readonly name: string;
  readonly ours: boolean;
}

/** A volume between two steps of going back to a snapshot stands under the name of what takes its place. */
const SUCCESSOR = /^revert-/;

/** Snapshots that are not called as ours are nobody's objects: they belong to a volume. */
function listed(name: string, base: string): Name[] {
  const relative = name.slice(base.length + 1);
  const [volume = "", snapshot] = relative.split("@");
  const last = snapshot ?? volume.replace(SUCCESSOR, "volume-");
  if (snapshot === undefined && volume.startsWith("retired-")) return [];
  if (objectOfName(last) !== null) return [{ key: last, name, ours: true }];
  return snapshot === undefined && volume !== "" && !isProbe(volume) ? [{ key: relative, name, ours: false }] : [];
}

async function standingOf(
  context: CallContext,
  host: SolarisHost,
  wanted: readonly string[],
): Promise<Map<string, Standing>> {
  if (wanted.length === 0) return new Map();
  // What went meanwhile is not there.
  const found = await list(context, host, { names: wanted, partly: true });
  return new Map(found.map((one) => [one.name, one]));
}

/** Who is let in to which volume, of those that are exported. */
async function letInto(
  context: CallContext,
  host: SolarisHost,
  standing: readonly Standing[],
): Promise<Map<string, (string | null)[]>> {
  const volumes = standing.flatMap(({ mark }) => (mark?.kind === "volume" ? [mark.id] : []));
  if (volumes.length === 0) return new Map();
  const units = await unitGuids(context, host);
  const exported = volumes.filter((id) => units.has(guidOf(id)));
  if (exported.length === 0) return new Map();
  const views = await viewsOfAll(context, host, exported.map(guidOf));
  const groups = await groupMembers(context, host, "hg");
  return new Map(
    exported.map((id) => {
      const all = (views.get(guidOf(id)) ?? []).flatMap(({ hostGroup }): (string | null)[] =>
        hostGroup === null ? [null] : (groups.get(hostGroup) ?? []),
      );
      return [id, initiatorsTold(all)] as const;
    }),
  );
}

/** A snapshot that stands for its clones alone is gone. What bears no mark of ours is not ours. */
function told(standing: Standing, letIn: ReadonlyMap<string, (string | null)[]>): ListedObject | "foreign" | null {
  const { mark, deferred, sizeBytes, name } = standing;
  if (deferred) return null;
  if (mark === null) return "foreign";
  const who = letIn.get(mark.id);
  return {
    kind: mark.kind,
    id: mark.id,
    volumeId: mark.volumeId,
    sizeBytes,
    mark: mark.owner,
    whole: isWhole(standing) && !name.includes("/revert-"),
    ageMs: Math.max(0, Date.now() - mark.writtenAtMs),
    providerId: name,
    properties: {},
    ...(mark.kind === "volume" && who !== undefined ? { letIn: who } : {}),
  };
}
