import type { ObjectTexts } from "../../../core/commands.ts";
import { changing, type Ec2Context, telling } from "../context.ts";
import { type FilterTable, filterBy } from "../filters.ts";
import { isSnapshotId, isVolumeId, requireSnapshot, requireVolume, snapshotIdOf, volumeIdOf } from "../ids.ts";
import { pageOf } from "../paging.ts";
import { missing } from "../parameters.ts";
import { Ec2Refusal } from "../refusal.ts";
import { CreateTags, DeleteTags, DescribeTags } from "../schemas.ts";
import { type Tags, tagsOf, textsOf, withoutTags, withTags } from "../tags.ts";
import type { XmlFields } from "../xml.ts";

export const createTags = changing(CreateTags, async (context, asked) => {
  if (asked.Tag.length === 0) throw missing("Tag");
  return await changeTags(context, asked.ResourceId, (before) => withTags(before, asked.Tag));
});

export const deleteTags = changing(DeleteTags, async (context, asked) =>
  changeTags(context, asked.ResourceId, (before) => withoutTags(before, asked.Tag)),
);

/** All of them or none: every refusal comes before the first change, and no wait lies between. */
async function changeTags(
  context: Ec2Context,
  resourceIds: readonly string[],
  change: (before: Tags) => Tags,
): Promise<XmlFields> {
  if (resourceIds.length === 0) throw missing("ResourceId");
  const { projectId: scope, userId, requestId } = context.caller;
  const found = [...new Set(resourceIds)].map((id) => resourceOf(context, id));
  const changes = found.map(({ kind, thing }) => ({ kind, id: thing.id, texts: textsOf(change(tagsOf(thing))) }));
  await Promise.all(
    changes.map(({ kind, id, texts }) => {
      const input: { texts: ObjectTexts; scope: string; id: string; userId: string; requestId: string } = {
        ...{ scope, id, userId, requestId, texts },
      };
      return kind === "volume" ? context.submit("volume.update", input) : context.submit("snapshot.update", input);
    }),
  );
  return { return: true };
}

function resourceOf({ state, caller }: Ec2Context, id: string) {
  if (isVolumeId(id)) return { kind: "volume", thing: requireVolume(state, id, caller.projectId) } as const;
  if (isSnapshotId(id)) return { kind: "snapshot", thing: requireSnapshot(state, id, caller.projectId) } as const;
  throw new Ec2Refusal("InvalidID", `The ID '${id.slice(0, 60)}' is not valid`);
}

interface TagLine {
  readonly resourceId: string;
  readonly resourceType: "volume" | "snapshot";
  readonly key: string;
  readonly value: string;
  readonly createdAtMs: number;
}

export const describeTags = telling(DescribeTags, async ({ state, caller }, asked) => {
  const filters: FilterTable<TagLine> = {
    key: ({ key }) => key,
    "resource-id": ({ resourceId }) => resourceId,
    "resource-type": ({ resourceType }) => resourceType,
    value: ({ value }) => value,
  };
  // `tag:KEY` looks at the line's own.
  const own = ({ key, value }: TagLine): Tags => ({ [key]: value });
  const wanted = filterBy(asked.Filter ?? [], filters, own);
  const lines: TagLine[] = [];
  for (const volume of state.table("volume").values())
    if (volume.projectId === caller.projectId) lines.push(...linesOf("volume", volumeIdOf(volume.id), volume));
  for (const snapshot of state.table("snapshot").values())
    if (snapshot.projectId === caller.projectId && snapshot.status !== "deleting")
      lines.push(...linesOf("snapshot", snapshotIdOf(snapshot.id), snapshot));
  const page = pageOf(lines.filter(wanted), asked, ({ createdAtMs, resourceId, key }) => [
    createdAtMs,
    `${resourceId} ${key}`,
  ]);
  const tagSet = page.items.map(({ resourceId, resourceType, key, value }) => ({
    resourceId,
    resourceType,
    key,
    value,
  }));
  return { tagSet, nextToken: page.nextToken };
});

interface Lined {
  readonly name: string;
  readonly metadata: Tags;
  readonly createdAtMs: number;
}

function linesOf(resourceType: TagLine["resourceType"], resourceId: string, thing: Lined): TagLine[] {
  const { createdAtMs } = thing;
  return Object.entries(tagsOf(thing)).map(([key, value]) => ({ resourceId, resourceType, key, value, createdAtMs }));
}
