import type { Api, ApiDependencies } from "../dependencies.ts";

/** `POST`, for it is work. The answer is the backup itself, as `backup/manifest.ts` tells. */
export function backupRoutes(app: Api, base: string, { makeBackup }: ApiDependencies): void {
  app.post(`${base}/backup`, async (_request, reply) => {
    const { stream } = await makeBackup();
    return reply.type("application/octet-stream").header("cache-control", "no-store").send(stream);
  });
}
