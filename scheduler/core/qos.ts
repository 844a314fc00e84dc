import { NUMBER_LIMITS, type QosSpecs, TUNABLE_LIMITS } from "#shared/model/qos.ts";

export type ResolvedQos = Record<string, string | number>;

/**
 * The limits for a volume of this size, as the field resolves them: `<limit>_per_gb` times the size, at least
 * `<limit>_per_gb_min` and at most `<limit>_max`, becomes `<limit>`; these three are then gone. All else stays as it is.
 */
export function resolveQos({ specs }: Pick<QosSpecs, "specs">, sizeGib: number): ResolvedQos {
  const resolved: ResolvedQos = { ...specs };
  for (const name of TUNABLE_LIMITS) {
    const perGib = specs[`${name}_per_gb`];
    if (perGib === undefined) continue;
    const scaled = Math.max(Number(specs[`${name}_per_gb_min`] ?? 0), Number(perGib) * sizeGib);
    resolved[name] = Math.min(scaled, Number(specs[`${name}_max`] ?? scaled));
    for (const tail of ["_per_gb", "_per_gb_min", "_max"]) delete resolved[`${name}${tail}`];
  }
  return resolved;
}

/** What the host that attaches is told; null: it has nothing to keep. */
export function frontEndQos(qos: QosSpecs | null, sizeGib: number): ResolvedQos | null {
  return qos === null || qos.consumer === "back-end" ? null : resolveQos(qos, sizeGib);
}

/** What the driver is told, limits as numbers; null: it has nothing to keep. */
export function backEndQos(qos: QosSpecs | null, sizeGib: number): ResolvedQos | null {
  if (qos === null || qos.consumer === "front-end") return null;
  return Object.fromEntries(
    Object.entries(resolveQos(qos, sizeGib)).map(([name, value]) => [
      name,
      NUMBER_LIMITS.has(name) ? Number(value) : value,
    ]),
  );
}
