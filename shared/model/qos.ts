import { type Static, Type } from "typebox";
import { SpecKey, SpecValue } from "./extra-specs.ts";
import { FlavorName, Uuid } from "./names.ts";

/** Who keeps the limits: the host that attaches (front-end), the storage system (back-end), or each of the two. */
export const QosConsumer = Type.Union([Type.Literal("front-end"), Type.Literal("back-end"), Type.Literal("both")]);
export type QosConsumer = Static<typeof QosConsumer>;

/** Limits by the field's names. Any other key is the consumer's own and goes to it as it is. */
export const QosLimits = Type.Record(SpecKey, SpecValue, { maxProperties: 128, additionalProperties: false });
export type QosLimits = Static<typeof QosLimits>;

/** A set of limits that flavors name. */
export const QosSpecs = Type.Object(
  { id: Uuid, name: FlavorName, consumer: QosConsumer, specs: QosLimits },
  { additionalProperties: false },
);
export type QosSpecs = Static<typeof QosSpecs>;

/** Each of these may also be given per GiB (`_per_gb`, at least `_per_gb_min`), with `_max` and `_max_length` for bursts. */
export const TUNABLE_LIMITS = [
  "read_iops_sec",
  "write_iops_sec",
  "total_iops_sec",
  "read_bytes_sec",
  "write_bytes_sec",
  "total_bytes_sec",
] as const;

/** The keys whose values are whole numbers. */
export const NUMBER_LIMITS: ReadonlySet<string> = new Set([
  "size_iops_sec",
  ...TUNABLE_LIMITS.flatMap((name) =>
    ["", "_max", "_max_length", "_per_gb", "_per_gb_min"].map((tail) => `${name}${tail}`),
  ),
]);
