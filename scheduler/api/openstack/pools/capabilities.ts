import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import type { PropertyValue } from "#shared/model/extra-specs.ts";
import { Nullable } from "#shared/model/nullable.ts";
import { reportedProperties } from "../../../core/reported.ts";
import type { State } from "../../../core/state.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { backendAt, serviceHost } from "../places.ts";
import { type Operation, operation } from "../rest/operation.ts";
import { systemOf } from "./pool-view.ts";

const text = Type.String();
const Capabilities = Type.Object({
  namespace: text,
  vendor_name: Nullable(text),
  volume_backend_name: text,
  pool_name: Type.Null(),
  driver_version: text,
  storage_protocol: Nullable(text),
  display_name: Nullable(text),
  description: Nullable(text),
  visibility: Type.Null(),
  replication_targets: Type.Array(text),
  properties: Type.Record(text, Type.Object({ title: text, description: text, type: text })),
});

export function capabilityOperations({ engine, version }: ApiDependencies): readonly Operation[] {
  return [
    operation({
      name: "volume_extension:capabilities",
      summary: "What volume types may ask of a backend",
      method: "GET",
      path: "/capabilities/:host",
      access: "admin",
      status: 200,
      answer: Capabilities,
      handle: ({ param }) => capabilities(engine.state, param("host"), version),
    }),
  ];
}

function capabilities(state: State, host: string, version: string): Static<typeof Capabilities> {
  const backend = backendAt(state.catalogue.catalogue, host);
  if (backend === undefined) throw new BerthError("E_NOT_FOUND", `Can't find service: ${host.slice(0, 80)}`);
  const { measurement } = state.space.backend(backend.id);
  const system = measurement === null ? null : systemOf({ backend, measurement }, version);
  const properties = measurement === null ? {} : reportedProperties(backend, measurement);
  return {
    namespace: `OS::Storage::Capabilities::${serviceHost(backend)}`,
    vendor_name: wordOf(system?.vendor_name),
    volume_backend_name: backend.name,
    pool_name: null,
    driver_version: version,
    storage_protocol: wordOf(system?.storage_protocol),
    display_name: backend.name,
    description: `driver ${backend.driver} in zone ${backend.zone}`,
    visibility: null,
    replication_targets: (backend.replicationTargets ?? []).map(({ name }) => name),
    properties: Object.fromEntries(
      Object.entries(properties).map(([key, value]) => [
        key,
        { title: key, description: `Extra spec ${key}; here it is ${JSON.stringify(value)}`, type: typeOf(value) },
      ]),
    ),
  };
}

/** Drivers may report lists of words. */
function wordOf(value: PropertyValue | undefined): string | null {
  const first = Array.isArray(value) ? value[0] : value;
  return first === undefined ? null : String(first);
}

function typeOf(value: PropertyValue): string {
  return Array.isArray(value) ? "array" : typeof value;
}
