import { Type } from "typebox";
import { OWN_SIDE } from "#shared/model/replication.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { requireBackendAt } from "../places.ts";
import { plain, since } from "../rest/body.ts";
import { reference } from "../rest/kinds.ts";
import { one } from "../rest/listing.ts";
import { type Call, type Operation, operation, operationWith } from "../rest/operation.ts";
import { refusal } from "../rest/refusal.ts";
import { admissionOperations } from "./admission.ts";
import { isOnHost, ServiceView, services, serviceView } from "./listed.ts";
import { logOperations } from "./log-levels.ts";

/** From here on a cluster may stand in a host's place, and `failover` is another name of `failover_host`. */
const CLUSTERS_SINCE = 26;
const UPDATE = "volume_extension:services:update";
const NOTHING = Type.Object({});

const PlaceBody = plain({ host: reference, cluster: since(CLUSTERS_SINCE, reference) });
const FailoverBody = plain({
  host: reference,
  cluster: since(CLUSTERS_SINCE, reference),
  backend_id: reference,
});

type Asked<B extends { readonly read: (...args: never) => unknown }> = Pick<
  Call<ReturnType<B["read"]>>,
  "body" | "minor" | "by"
>;

/** `os-services`: how what makes up Berth is, and what is done with backends as a whole. */
export function serviceOperations(dependencies: ApiDependencies): readonly Operation[] {
  const { engine, nowMs = Date.now } = dependencies;
  const { state } = engine;
  const named = ({ body, minor, by: { userId, requestId } }: Asked<typeof PlaceBody>) => ({
    backendId: requireBackendAt(state.catalogue.catalogue, body, minor >= CLUSTERS_SINCE, "E_BAD_REQUEST").id,
    userId,
    requestId,
  });
  const failover = async (call: Asked<typeof FailoverBody>) => {
    const input = named(call);
    const { replicationTargets = [] } = state.backend(input.backendId) ?? {};
    // Without a word of where to, the field's drivers take the only target there is.
    const to = call.body.backend_id ?? (replicationTargets.length === 1 ? replicationTargets[0]?.name : undefined);
    if (to === undefined) throw refusal("backend_id is needed: the name of a replication target, or default");
    await engine.submit("backend.failover", { ...input, to: to === OWN_SIDE ? null : to });
  };

  return [
    operation({
      name: "volume_extension:services:index",
      summary: "The scheduler, the backends and the agents, and how they are",
      method: "GET",
      path: "/os-services",
      access: "admin",
      query: { host: "of this host: berth@NAME, or berth for all", binary: "cinder-scheduler, cinder-volume…" },
      status: 200,
      answer: Type.Object({ services: Type.Array(ServiceView) }),
      handle: ({ query, minor }) => {
        const [host, binary] = [one(query, "host"), one(query, "binary")];
        const found = services(state, nowMs()).filter(
          (service) =>
            (host === undefined || isOnHost(service, host)) && (binary === undefined || service.binary === binary),
        );
        return { services: found.map((service) => serviceView(service, minor)) };
      },
    }),
    ...admissionOperations(dependencies),
    operationWith(PlaceBody, {
      name: "volume:freeze_host",
      summary: "Nothing of a backend is changed until it is thawed; what is connected stays so",
      method: "PUT",
      path: "/os-services/freeze",
      access: "admin",
      status: 200,
      answer: NOTHING,
      handle: async (call) => {
        await engine.submit("backend.freeze", { ...named(call), reason: "" });
        return {};
      },
    }),
    operationWith(PlaceBody, {
      name: "volume:thaw_host",
      summary: "A frozen backend may be changed again",
      method: "PUT",
      path: "/os-services/thaw",
      access: "admin",
      status: 200,
      answer: NOTHING,
      handle: async (call) => {
        await engine.submit("backend.thaw", named(call));
        return {};
      },
    }),
    operationWith(FailoverBody, {
      name: "volume:failover_host",
      summary: "Go on with a backend's mirror, or (default) back to itself",
      method: "PUT",
      path: "/os-services/failover_host",
      access: "admin",
      status: 202,
      handle: failover,
    }),
    operationWith(FailoverBody, {
      name: "volume:failover",
      summary: "The newer name of failover_host",
      method: "PUT",
      path: "/os-services/failover",
      access: "admin",
      since: CLUSTERS_SINCE,
      status: 202,
      handle: failover,
    }),
    ...logOperations(dependencies, UPDATE),
  ];
}
