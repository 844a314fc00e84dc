import type { FastifyInstance } from "fastify";
import { BerthError } from "#shared/errors.ts";

/** Opens the API's port; a port that is taken is told in one sentence, with the setting that changes it. */
export async function listen(api: Pick<FastifyInstance, "listen">, host: string, port: number): Promise<void> {
  try {
    await api.listen({ host, port });
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE")
      throw new BerthError("E_PORT_TAKEN", `port ${port} on ${host} is taken; set BERTH_API_PORT to another`, {
        cause,
      });
    throw cause;
  }
}
