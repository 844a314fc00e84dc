import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import type { Admission, Backend } from "#shared/model/catalogue.ts";
import { Nullable } from "#shared/model/nullable.ts";
import { setAdmission } from "../../../catalogue/edits.ts";
import type { ApiDependencies, CatalogueEditor } from "../../dependencies.ts";
import { backendAt } from "../places.ts";
import { needed, plain } from "../rest/body.ts";
import { kind, reference } from "../rest/kinds.ts";
import { type Operation, operationWith } from "../rest/operation.ts";
import { refusal } from "../rest/refusal.ts";
import { services, VOLUME } from "./listed.ts";

const ServiceFields = { host: reference, cluster: reference, binary: reference, service: reference };
const ServiceBody = plain(ServiceFields);
const ReasonBody = plain({
  ...ServiceFields,
  disabled_reason: needed(
    kind(
      Type.String({ maxLength: 255, pattern: "^[^\\u0000-\\u001f\\u007f]*\\S[^\\u0000-\\u001f\\u007f]*$" }),
      "1 to 255 characters",
      (reason) => reason.trim(),
    ),
    "why it is disabled",
  ),
});

const AdmissionAnswer = Type.Object({
  host: Type.String(),
  service: Type.String(),
  binary: Type.String(),
  disabled: Type.Boolean(),
  status: Type.Union([Type.Literal("enabled"), Type.Literal("disabled")]),
  disabled_reason: Type.Optional(Nullable(Type.String())),
});

type Named = ReturnType<typeof ServiceBody.read>;

/** Whether a backend takes new volumes. It is the catalogue's to say, so that it stays said. */
export function admissionOperations({ engine, catalogue, nowMs = Date.now }: ApiDependencies): readonly Operation[] {
  const { state } = engine;
  const facts = { method: "PUT", access: "admin", status: 200, answer: AdmissionAnswer } as const;

  /** null: there is such a service, and it is no backend. Throws E_BAD_REQUEST, E_NOT_FOUND. */
  const find = ({ host = "", binary, service }: Named): Backend | null => {
    const wanted = binary ?? service;
    if (wanted === undefined) throw refusal("binary is needed: cinder-volume");
    if (host === "") throw refusal("Host field is missing.");
    const backend = wanted === VOLUME ? backendAt(state.catalogue.catalogue, host) : undefined;
    if (backend !== undefined) return backend;
    if (services(state, nowMs()).some((known) => known.host === host && known.binary === wanted)) return null;
    throw new BerthError(
      "E_NOT_FOUND",
      `Service ${wanted.slice(0, 80)} could not be found on host ${host.slice(0, 80)}.`,
    );
  };
  const told = (
    { host = "", binary = "", service = "" }: Named,
    reason?: string | null,
  ): Static<typeof AdmissionAnswer> => ({
    ...{ host, service, binary },
    ...(reason === undefined ? {} : { disabled_reason: reason }),
    disabled: true,
    status: "disabled",
  });
  const shut = async (body: Named, reason?: string): Promise<void> => {
    const backend = find(body);
    if (backend === null) throw refusal("only a backend can be disabled: binary cinder-volume, host berth@NAME");
    await disableBackend(catalogue, backend.id, reason);
  };

  return [
    operationWith(ServiceBody, {
      ...facts,
      name: "volume_extension:services:update:enable",
      summary: "Let a backend take new volumes again",
      path: "/os-services/enable",
      handle: async ({ body }) => {
        const backend = find(body);
        if (backend !== null) await enableBackend(catalogue, backend.id);
        return { ...told(body, null), disabled: false, status: "enabled" as const };
      },
    }),
    operationWith(ServiceBody, {
      ...facts,
      name: "volume_extension:services:update:disable",
      summary: "Let a backend take no new volumes",
      path: "/os-services/disable",
      handle: async ({ body }) => {
        await shut(body);
        return told(body);
      },
    }),
    operationWith(ReasonBody, {
      ...facts,
      name: "volume_extension:services:update:disable_log_reason",
      summary: "Let a backend take no new volumes, and say why",
      path: "/os-services/disable-log-reason",
      handle: async ({ body }) => {
        await shut(body, body.disabled_reason);
        return told(body, body.disabled_reason);
      },
    }),
  ];
}

export async function enableBackend(catalogue: CatalogueEditor, backendId: number): Promise<void> {
  await catalogue.edit((before) => setAdmission(before, { backendId, admission: { state: "enabled" } }));
}

/** `reason` absent: the one that was given before, if any. */
export async function disableBackend(catalogue: CatalogueEditor, backendId: number, reason?: string): Promise<void> {
  await catalogue.edit((before) => {
    const now = before.backends.find(({ id }) => id === backendId)?.admission ?? { state: "enabled" };
    return setAdmission(before, { backendId, admission: disabled(now, reason) });
  });
}

/** One that is drained stays so: disabled it would take more than it does. */
function disabled(before: Admission, reason: string | undefined): Admission {
  const known = before.state === "enabled" ? "" : before.reason;
  return { state: before.state === "draining" ? "draining" : "disabled", reason: reason ?? known };
}
