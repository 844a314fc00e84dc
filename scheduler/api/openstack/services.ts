import { BerthError } from "#shared/errors.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import { OWN_SIDE } from "#shared/model/replication.ts";
import { backendHealth } from "../../core/health.ts";
import { backendState } from "../../core/sides.ts";
import type { State } from "../../core/state.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { callerOf } from "../request-context.ts";
import { BodyFields } from "./fields.ts";
import { one, type Query } from "./rest/listing.ts";
import { refusal } from "./rest/refusal.ts";
import { fieldTime } from "./rest/times.ts";
import type { InProject } from "./routes.ts";

/** A backend is what the field calls a volume service: `berth@NAME`. */
const HOST_PREFIX = "berth@";
const BINARY = "cinder-volume";

/** `os-services`, as far as it is about backends: how they are, freezing them, and failing them over. */
export function serviceRoutes(app: Api, base: string, { engine, nowMs = Date.now }: ApiDependencies): void {
  const { state } = engine;
  const path = `${base}/os-services`;
  const asked = (request: { id: string; headers: object; body: unknown; params: { project?: string } }) => {
    const { userId, requestId } = callerOf({ id: request.id, headers: { ...request.headers } }, request.params.project);
    const fields = new BodyFields(Object(request.body));
    const host = fields.reference("host");
    if (host === null) throw refusal("host is needed: berth@BACKEND");
    return { fields, input: { backendId: requireHost(state, host).id, userId, requestId } };
  };

  app.get<InProject & { Querystring: Query }>(path, (request, reply) => {
    callerOf(request, request.params.project);
    const [host, binary] = [one(request.query, "host"), one(request.query, "binary")];
    const services = state.catalogue.catalogue.backends
      .map((backend) => serviceView(state, backend, nowMs()))
      .filter((view) => (host === undefined || view.host === host) && (binary === undefined || view.binary === binary));
    return reply.send({ services });
  });

  app.put<InProject>(`${path}/freeze`, async (request, reply) => {
    const { input } = asked(request);
    await engine.submit("backend.freeze", { ...input, reason: "" });
    return reply.code(200).send({});
  });

  app.put<InProject>(`${path}/thaw`, async (request, reply) => {
    await engine.submit("backend.thaw", asked(request).input);
    return reply.code(200).send({});
  });

  app.put<InProject>(`${path}/failover_host`, async (request, reply) => {
    const { input, fields } = asked(request);
    const { replicationTargets = [] } = state.backend(input.backendId) ?? {};
    // Without a word of where to, the field's drivers take the only target there is.
    const to = fields.reference("backend_id") ?? (replicationTargets.length === 1 ? replicationTargets[0]?.name : null);
    if (to == null) throw refusal("backend_id is needed: the name of a replication target, or default");
    await engine.submit("backend.failover", { ...input, to: to === OWN_SIDE ? null : to });
    return reply.code(202).send();
  });
}

function requireHost(state: State, host: string): Backend {
  const name = host.startsWith(HOST_PREFIX) ? host.slice(HOST_PREFIX.length).split("#")[0] : host;
  const backend = state.catalogue.catalogue.backends.find((known) => known.name === name);
  if (backend === undefined) throw new BerthError("E_NOT_FOUND", `Service ${host.slice(0, 80)} could not be found.`);
  return backend;
}

function serviceView(state: State, backend: Backend, nowMs: number) {
  const { frozen, side, failover } = backendState(state, backend.id);
  const { admission } = backend;
  const up = backendHealth(state.placementView, backend, nowMs).ailment === null;
  const mirrored = (backend.replicationTargets ?? []).length > 0;
  const closed = side !== null || failover !== null;
  return {
    binary: BINARY,
    host: `${HOST_PREFIX}${backend.name}`,
    zone: backend.zone,
    status: admission.state === "enabled" && !closed ? "enabled" : "disabled",
    state: up ? "up" : "down",
    updated_at: fieldTime(state.fleet.reports.get(backend.id)?.receivedMs ?? nowMs),
    disabled_reason: admission.state !== "enabled" ? admission.reason : closed ? "failed-over" : null,
    frozen: frozen !== null,
    replication_status: replicationStatus(mirrored, side !== null, failover !== null),
    active_backend_id: side,
  };
}

function replicationStatus(mirrored: boolean, over: boolean, passing: boolean): string {
  if (passing) return "failing-over";
  if (over) return "failed-over";
  return mirrored ? "enabled" : "disabled";
}
