import { type Static, Type } from "typebox";
import { Nullable } from "./nullable.ts";

/** Keys of extra specs and of QoS, as the field has them: `capabilities:compression`, `provisioning:type`, `total_iops_sec`. */
export const SpecKey = Type.String({
  pattern: "^[A-Za-z0-9_.:-]{1,255}$",
  description: "letters, digits, underscores, dots, colons and hyphens, at most 255",
});
export const SpecValue = Type.String({
  pattern: "^[^\\u0000-\\u001f\\u007f]{0,255}$",
  description: "text of at most 255 characters without control characters",
});

/**
 * What a flavor asks of its backends beside a place in its list. Unscoped keys and those of the scope `capabilities` are
 * compared with what a backend reports, `provisioning:type` and `RESKEY:availability_zones` are Berth's to keep, and
 * any other scope is the driver's own.
 */
export const ExtraSpecs = Type.Record(SpecKey, SpecValue, { maxProperties: 128, additionalProperties: false });
export type ExtraSpecs = Static<typeof ExtraSpecs>;

/** A property of a backend, as its driver or its operator says. A list is met when one of its words is. */
export const PropertyValue = Type.Union([
  SpecValue,
  Type.Number(),
  Type.Boolean(),
  Type.Array(SpecValue, { maxItems: 64 }),
]);
export type PropertyValue = Static<typeof PropertyValue>;
export const Properties = Type.Record(SpecKey, PropertyValue, { maxProperties: 128, additionalProperties: false });
export type Properties = Static<typeof Properties>;

/** `thin`: space is taken as it is written. `thick`: all of it at once. */
export const Provisioning = Type.Union([Type.Literal("thin"), Type.Literal("thick")]);
export type Provisioning = Static<typeof Provisioning>;

/** What the flavor promised of a volume, told to the driver that makes or changes it. */
export const VolumeSpec = Type.Object({
  /** null: as the backend has it. */
  provisioning: Nullable(Provisioning),
  compression: Type.Boolean(),
  /** Mirrored on the backend's targets. Absent: no. */
  replication: Type.Optional(Type.Boolean()),
  /** Extra specs of the driver's own scopes, as the operator wrote them. */
  vendor: Type.Record(Type.String(), Type.String()),
  /** Limits that the backend itself is to keep, resolved for the volume's size; null: none. */
  qos: Nullable(Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()]))),
});
export type VolumeSpec = Static<typeof VolumeSpec>;
