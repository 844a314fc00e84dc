import { type Static, Type } from "typebox";
import { Nullable } from "#shared/model/nullable.ts";

const Flag = Type.Boolean();

export const LogicalUnit = Type.Object({
  file: Type.String(),
  sizeBytes: Type.Integer(),
  alias: Type.String(),
  blockBytes: Type.Integer(),
  serial: Type.String(),
  vendor: Type.String(),
  product: Type.String(),
  managementUrl: Type.String(),
  writeProtected: Flag,
  writeCacheDisabled: Flag,
  online: Flag,
});
export type LogicalUnit = Static<typeof LogicalUnit>;

/** null: all. */
export const View = Type.Object({
  index: Type.Integer(),
  hostGroup: Nullable(Type.String()),
  targetGroup: Nullable(Type.String()),
  lun: Type.Integer(),
});
export type View = Static<typeof View>;

export const Target = Type.Object({
  alias: Nullable(Type.String()),
  /** null: as the defaults say. */
  auth: Nullable(Type.String()),
  chapUser: Nullable(Type.String()),
  chapSecret: Nullable(Type.String()),
  portalGroups: Type.Array(Type.Object({ name: Type.String(), tag: Type.Integer() })),
  online: Flag,
});
export type Target = Static<typeof Target>;

export const Initiator = Type.Object({ chapUser: Nullable(Type.String()), chapSecret: Nullable(Type.String()) });
export type Initiator = Static<typeof Initiator>;

const Groups = Type.Record(Type.String(), Type.Array(Type.String()));

export const ComstarState = Type.Object({
  /** By GUID, in upper case. */
  units: Type.Record(Type.String(), LogicalUnit),
  views: Type.Record(Type.String(), Type.Array(View)),
  hostGroups: Groups,
  targetGroups: Groups,
  targets: Type.Record(Type.String(), Target),
  portalGroups: Groups,
  initiators: Type.Record(Type.String(), Initiator),
  defaults: Type.Object({ alias: Nullable(Type.String()), auth: Nullable(Type.String()) }),
});
export type ComstarState = Static<typeof ComstarState>;

export function emptyComstar(): ComstarState {
  return {
    units: {},
    views: {},
    hostGroups: {},
    targetGroups: {},
    targets: {},
    portalGroups: {},
    initiators: {},
    defaults: { alias: null, auth: null },
  };
}
