import { BerthError } from "#shared/errors.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import { DEFAULT_GROUP_TYPE, type GroupType } from "#shared/model/group-type.ts";
import { changedSpecs, type SpecChanges } from "./flavor-edits.ts";

export interface GroupTypeChange {
  readonly name?: string;
  readonly description?: string;
  readonly isPublic?: boolean;
  readonly specs?: SpecChanges;
}

/** What a group type may ask for and groups here do not have. */
const NOT_HAD: ReadonlySet<string> = new Set(["group_replication_enabled", "consistent_group_replication_enabled"]);

/** The one that is always there first. */
export function groupTypesOf({ groupTypes = [] }: Catalogue): GroupType[] {
  return [DEFAULT_GROUP_TYPE, ...groupTypes];
}

/** By id or name. Throws E_NOT_FOUND, in the field's words. */
export function requireGroupType(catalogue: Catalogue, idOrName: string): GroupType {
  const found = groupTypesOf(catalogue).find(({ id, name }) => id === idOrName || name === idOrName);
  if (found !== undefined) return found;
  throw new BerthError("E_NOT_FOUND", `Group type ${idOrName.slice(0, 80)} could not be found.`);
}

export function createGroupType(catalogue: Catalogue, type: GroupType): Catalogue {
  requireFreeName(catalogue, type.name);
  requireHad(type);
  return { ...catalogue, groupTypes: [...(catalogue.groupTypes ?? []), type] };
}

export function changeGroupType(catalogue: Catalogue, idOrName: string, change: GroupTypeChange): Catalogue {
  const before = requireOwn(catalogue, idOrName);
  const { specs = {}, ...rest } = change;
  const changed: GroupType = { ...before, ...rest, specs: changedSpecs(before.specs, specs) };
  if (changed.name !== before.name) requireFreeName(catalogue, changed.name);
  requireHad(changed);
  return { ...catalogue, groupTypes: catalogue.groupTypes?.map((type) => (type === before ? changed : type)) ?? [] };
}

export function deleteGroupType(catalogue: Catalogue, idOrName: string): Catalogue {
  const gone = requireOwn(catalogue, idOrName);
  const { groupTypes = [], ...rest } = catalogue;
  const left = groupTypes.filter((type) => type !== gone);
  return left.length === 0 ? rest : { ...rest, groupTypes: left };
}

function requireOwn(catalogue: Catalogue, idOrName: string): GroupType {
  const type = requireGroupType(catalogue, idOrName);
  if (type === DEFAULT_GROUP_TYPE)
    throw new BerthError("E_BAD_REQUEST", `group type ${type.name} is always there: it cannot be changed or deleted`);
  return type;
}

function requireFreeName(catalogue: Catalogue, wanted: string): void {
  if (groupTypesOf(catalogue).some(({ name }) => name === wanted))
    throw new BerthError("E_CONFLICT", `Group Type ${wanted} already exists.`);
}

function requireHad({ specs }: GroupType): void {
  for (const [key, value] of Object.entries(specs))
    if (NOT_HAD.has(key) && /true/i.test(value))
      throw new BerthError("E_BAD_REQUEST", `groups are not replicated here: ${key} cannot be asked for`);
}
