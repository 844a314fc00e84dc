import type { ListedObject } from "#shared/model/listing.ts";
import type { ListedName } from "../page.ts";
import { copyOf, markOf, nameOf } from "./marks.ts";
import { type OwnVdi, standing, type Vdi, type Vdis } from "./vdis.ts";

/** Each of ours once, whole if it is; the rest by the names that others gave it. In the order of names. */
export function listedNames(vdis: Vdis, all: readonly Vdi[]): ListedName[] {
  const ours = new Map<string, ListedObject>();
  const marked = all.flatMap((vdi): OwnVdi[] => {
    const mark = markOf(vdi.record);
    return mark === null ? [] : [{ ...vdi, mark }];
  });
  const told = new Set<string>();
  const marks = new Map(marked.map((vdi) => [vdi.ref, vdi.mark]));
  const replaced = new Set(marked.map(({ mark }) => mark.replaces));
  for (const vdi of standing(marked)) {
    const name = nameOf(vdi.mark);
    if (ours.has(name)) continue;
    ours.set(name, listed(vdis, vdi));
    told.add(vdi.ref);
  }
  const others: ListedName[] = [];
  for (const { ref, record } of all) {
    // What was replaced is on its way out, and the pool's own nodes are nobody's.
    if (told.has(ref) || (marks.has(ref) && replaced.has(record.uuid))) continue;
    if (!record.managed && record.sm_config.SCSIid === undefined) continue;
    const note = copyOf(record);
    if (note === null) others.push({ name: `~${record.uuid}`, seen: "foreign", told: foreignName(record) });
    else if (!ours.has(nameOf(note))) ours.set(nameOf(note), part(note));
  }
  return [...[...ours].map(([name, seen]): ListedName => ({ name, seen })), ...others].sort((one, other) =>
    one.name < other.name ? -1 : 1,
  );
}

export function foreignName({ uuid, name_label, sm_config }: Vdi["record"]): string {
  if (sm_config.SCSIid !== undefined && name_label === "") return sm_config.SCSIid;
  return name_label === "" ? uuid : name_label;
}

function listed(vdis: Vdis, vdi: OwnVdi): ListedObject {
  const { mark, record } = vdi;
  return {
    kind: mark.kind,
    id: mark.id,
    volumeId: mark.volumeId,
    sizeBytes: vdis.sizeOf(vdi),
    mark: mark.owner,
    whole: mark.filling !== true,
    ageMs: Math.max(0, Date.now() - mark.writtenAtMs),
    providerId: record.uuid,
    properties: {},
  };
}

function part({ kind, id }: { readonly kind: "volume" | "snapshot"; readonly id: string }): ListedObject {
  const volumeId = kind === "volume" ? id : null;
  return {
    kind,
    id,
    volumeId,
    sizeBytes: null,
    mark: null,
    whole: false,
    ageMs: null,
    providerId: null,
    properties: {},
  };
}
