import { BerthError } from "#shared/errors.ts";

/** What can listen: the API itself, or the front of one of several schedulers. */
interface Door {
  listen(address: { readonly host: string; readonly port: number }): Promise<unknown>;
}

/** Opens the API's port; a port that is taken is told in one sentence, with the setting that changes it. */
export async function listen(door: Door, host: string, port: number): Promise<void> {
  try {
    await door.listen({ host, port });
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE")
      throw new BerthError("E_PORT_TAKEN", `port ${port} on ${host} is taken; set BERTH_API_PORT to another`, {
        cause,
      });
    throw cause;
  }
}
