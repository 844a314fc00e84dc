import { type Static, Type } from "typebox";
import { ExtraSpecs } from "./extra-specs.ts";
import { Description, FlavorName, Uuid } from "./names.ts";

/** What the field's clients call a kind of group. All groups here are snapshotted at one instant, whatever their type says. */
export const GroupType = Type.Object(
  { id: Uuid, name: FlavorName, description: Description, isPublic: Type.Boolean(), specs: ExtraSpecs },
  { additionalProperties: false },
);
export type GroupType = Static<typeof GroupType>;

/** There without being declared, by the field's name for it: a group that names no type is of this one. */
export const DEFAULT_GROUP_TYPE: GroupType = {
  id: "4e5c5b1a-0a4b-4d6e-9a7e-c0a51e5e7001",
  name: "default_cgsnapshot_type",
  description: "Volumes that are snapshotted at one instant",
  isPublic: true,
  specs: { consistent_group_snapshot_enabled: "<is> True" },
};
