import { BerthError } from "#shared/errors.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";

/** `POST`, for it is work. The answer is the backup itself, as `backup/manifest.ts` tells. */
export function backupRoutes(app: Api, base: string, { makeBackup }: ApiDependencies): void {
  app.post(`${base}/backup`, async (_request, reply) => {
    if (makeBackup === undefined)
      throw new BerthError("E_BAD_REQUEST", "this scheduler's ledger is not the embedded one: back up what holds it");
    const { stream } = await makeBackup();
    return reply.type("application/octet-stream").header("cache-control", "no-store").send(stream);
  });
}
