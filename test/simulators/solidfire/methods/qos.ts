import type { Cluster } from "../cluster.ts";
import { ElementError, invalid } from "../element-error.ts";
import { isObject, type Parameters } from "../parameters.ts";
import type { Qos, QosPolicy } from "../state.ts";
import { qosPolicyView, qosView } from "../views.ts";
import { type Methods, pageFrom } from "./method.ts";

/** What the call asks of the volume: figures, or a policy's; what it leaves out is as `before`. */
export function wantedQos(
  cluster: Cluster,
  parameters: Parameters,
  before: { readonly qos: Qos; readonly qosPolicyId: number | null },
): { readonly qos: Qos; readonly qosPolicyId: number | null } {
  const policyId = parameters.optionalInteger("qosPolicyID");
  if (policyId !== null && parameters.optionalFlag("associateWithQoSPolicy") !== false) {
    const { qos, id } = policy(cluster, policyId);
    return { qos, qosPolicyId: id };
  }
  const given = parameters.object("qos");
  if (given === null || Object.keys(given).length === 0) return { qos: before.qos, qosPolicyId: before.qosPolicyId };
  return { qos: checkedQos(cluster, given, before.qos), qosPolicyId: null };
}

function checkedQos(cluster: Cluster, given: Readonly<Record<string, unknown>>, before: Qos): Qos {
  const { limits } = cluster.options;
  const figure = (name: keyof Qos): number => {
    const value = given[name] ?? before[name];
    if (typeof value !== "number" || !Number.isInteger(value))
      throw new ElementError("xInvalidParameterType", `Member qos.${name} must be of type integer`);
    return value;
  };
  const qos: Qos = {
    minIOPS: figure("minIOPS"),
    maxIOPS: figure("maxIOPS"),
    burstIOPS: figure("burstIOPS"),
    burstTime: figure("burstTime"),
  };
  assertWithin("minIOPS", qos.minIOPS, limits.volumeMinIOPSMin, limits.volumeMinIOPSMax);
  assertWithin("maxIOPS", qos.maxIOPS, limits.volumeMaxIOPSMin, limits.volumeMaxIOPSMax);
  assertWithin("burstIOPS", qos.burstIOPS, limits.volumeBurstIOPSMin, limits.volumeBurstIOPSMax);
  if (qos.minIOPS > qos.maxIOPS || qos.maxIOPS > qos.burstIOPS)
    throw invalid("qos must satisfy minIOPS <= maxIOPS <= burstIOPS");
  return qos;
}

function assertWithin(name: string, value: number, min: number, max: number): void {
  if (value < min || value > max) throw invalid(`qos.${name} must be between ${min} and ${max}`);
}

function policy({ state }: Cluster, id: number): QosPolicy {
  const found = state.qosPolicies.find((one) => one.id === id);
  if (found === undefined) throw new ElementError("xQoSPolicyDoesNotExist", `QoSPolicyID ${id} does not exist.`);
  return found;
}

function policyQos(cluster: Cluster, parameters: Parameters, before: Qos): Qos {
  const qos = parameters.object("qos");
  return isObject(qos) ? checkedQos(cluster, qos, before) : before;
}

export const qosMethods: Methods = {
  GetDefaultQoS: { since: "1.0", run: (cluster) => qosView(cluster.state.defaultQos) },
  SetDefaultQoS: {
    since: "9.0",
    run(cluster, parameters) {
      const { state } = cluster;
      const given: Record<string, unknown> = {};
      for (const name of ["minIOPS", "maxIOPS", "burstIOPS"])
        if (parameters.has(name)) given[name] = parameters.integer(name);
      state.defaultQos = checkedQos(cluster, given, state.defaultQos);
      const { minIOPS, maxIOPS, burstIOPS } = state.defaultQos;
      return { minIOPS, maxIOPS, burstIOPS };
    },
  },
  CreateQoSPolicy: {
    since: "10.0",
    run(cluster, parameters) {
      const made: QosPolicy = {
        id: cluster.nextId("qosPolicy"),
        name: parameters.name("name"),
        qos: policyQos(cluster, parameters, cluster.state.defaultQos),
      };
      cluster.state.qosPolicies.push(made);
      return { qosPolicy: qosPolicyView(cluster, made) };
    },
  },
  ModifyQoSPolicy: {
    since: "10.0",
    run(cluster, parameters) {
      const found = policy(cluster, parameters.id("qosPolicyID"));
      found.qos = policyQos(cluster, parameters, found.qos);
      found.name = parameters.has("name") ? parameters.name("name") : found.name;
      for (const volume of cluster.state.volumes) if (volume.qosPolicyId === found.id) volume.qos = found.qos;
      return { qosPolicy: qosPolicyView(cluster, found) };
    },
  },
  GetQoSPolicy: {
    since: "10.0",
    run: (cluster, parameters) => ({
      qosPolicy: qosPolicyView(cluster, policy(cluster, parameters.id("qosPolicyID"))),
    }),
  },
  ListQoSPolicies: {
    since: "10.0",
    run: (cluster, parameters) => ({
      qosPolicies: pageFrom(cluster.state.qosPolicies, parameters, "startQosPolicyID").map((one) =>
        qosPolicyView(cluster, one),
      ),
    }),
  },
  DeleteQoSPolicy: {
    since: "10.0",
    run(cluster, parameters) {
      const { state } = cluster;
      const found = policy(cluster, parameters.id("qosPolicyID"));
      state.qosPolicies = state.qosPolicies.filter((one) => one !== found);
      for (const volume of state.volumes) if (volume.qosPolicyId === found.id) volume.qosPolicyId = null;
      return {};
    },
  },
};
