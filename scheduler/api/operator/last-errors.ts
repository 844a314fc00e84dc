import { BerthError } from "#shared/errors.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { LastErrorAnswer } from "./schemas.ts";

/** Why an object failed, or why it takes so long: what the field's own answers have no key for. */
export function lastErrorRoutes(app: Api, base: string, { engine: { state } }: ApiDependencies): void {
  for (const [path, kind] of [
    ["volumes", "volume"],
    ["snapshots", "snapshot"],
    ["groups", "group"],
    ["group-snapshots", "group-snapshot"],
  ] as const) {
    app.get<{ Params: { id: string } }>(
      `${base}/${path}/:id/last-error`,
      { schema: { response: { 200: LastErrorAnswer } } },
      async ({ params }) => {
        const found = state.get(kind, params.id);
        if (found === undefined) throw new BerthError("E_NOT_FOUND", `There is no ${kind} ${params.id}.`);
        const reset = "reset" in found ? (found.reset ?? null) : null;
        return { id: found.id, status: found.status, lastError: found.lastError, reset };
      },
    );
  }
}
