import { type Static, Type } from "typebox";
import { BackendSettings } from "#shared/model/catalogue.ts";
import { FlavorName, HostName } from "#shared/model/names.ts";

/** What a backend has until somebody says otherwise. */
export const DEFAULT_SETTINGS: BackendSettings = {
  maxConcurrent: 16,
  reservedPercentage: 0,
  maxOverSubscriptionRatio: 1,
  physicalFreeFloorGib: 0,
  reportMaxAgeMs: null,
  allowUnknownCapacity: false,
};

const { maxConcurrent, reservedPercentage, maxOverSubscriptionRatio, physicalFreeFloorGib, allowUnknownCapacity } =
  BackendSettings.properties;

/** What every backend can be given among its driver's parameters, by the names of the field's command lines. */
export const CommonParameters = Type.Object(
  {
    /** The backend's name, as the Xen command line has it. */
    name_label: Type.Optional(FlavorName),
    host: Type.Optional(HostName),
    max_concurrent: Type.Optional(maxConcurrent),
    reserved_percentage: Type.Optional(reservedPercentage),
    max_over_subscription_ratio: Type.Optional(maxOverSubscriptionRatio),
    physical_free_floor_gib: Type.Optional(physicalFreeFloorGib),
    report_max_age_s: Type.Optional(Type.Number({ minimum: 1, maximum: 31_536_000 })),
    allow_unknown_capacity: Type.Optional(allowUnknownCapacity),
  },
  { additionalProperties: false },
);
export type CommonParameters = Static<typeof CommonParameters>;

/** Settings from common parameters, the rest as by default. */
export function settingsFrom(given: CommonParameters): BackendSettings {
  const ageS = given.report_max_age_s;
  return {
    maxConcurrent: given.max_concurrent ?? DEFAULT_SETTINGS.maxConcurrent,
    reservedPercentage: given.reserved_percentage ?? DEFAULT_SETTINGS.reservedPercentage,
    maxOverSubscriptionRatio: given.max_over_subscription_ratio ?? DEFAULT_SETTINGS.maxOverSubscriptionRatio,
    physicalFreeFloorGib: given.physical_free_floor_gib ?? DEFAULT_SETTINGS.physicalFreeFloorGib,
    reportMaxAgeMs: ageS === undefined ? DEFAULT_SETTINGS.reportMaxAgeMs : Math.round(ageS * 1000),
    allowUnknownCapacity: given.allow_unknown_capacity ?? DEFAULT_SETTINGS.allowUnknownCapacity,
  };
}
