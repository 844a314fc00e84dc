import { findDriver } from "#shared/drivers/index.ts";
import type { ReplicationTarget } from "#shared/model/catalogue.ts";
import type { Fault } from "#shared/schema.ts";
import { convertParameters, type Parameters, parameterFaults } from "./parameters.ts";

/** Values given as text become what the driver's schema for targets takes. */
export function convertTargets(driver: string, targets: readonly ReplicationTarget[]): ReplicationTarget[] {
  const schema = findDriver(driver)?.replicationTarget;
  if (schema === undefined) return [...targets];
  return targets.map(({ name, parameters }) => ({ name, parameters: { ...convertParameters(schema, parameters) } }));
}

/** By the driver's own schema, and each under its own name. Paths begin with the target's place. */
export function targetFaults(
  driver: string,
  targets: readonly { readonly name: string; readonly parameters: Parameters }[],
): Fault[] {
  const schema = findDriver(driver)?.replicationTarget;
  if (schema === undefined && targets.length > 0)
    return [{ path: "", message: `${driver} cannot mirror: it has no replication targets` }];
  return targets.flatMap(({ name, parameters }, n) => [
    ...(targets.findIndex((other) => other.name === name) === n
      ? []
      : [{ path: `/${n}/name`, message: `${name} is taken: another target has it` }]),
    ...(schema === undefined ? [] : parameterFaults(schema, parameters, `a target of ${driver}`)).map(
      ({ path, message }) => ({ path: `/${n}/parameters${path}`, message }),
    ),
  ]);
}
