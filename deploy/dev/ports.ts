import { createServer } from "node:net";
import { BerthError } from "#shared/errors.ts";
import { LOOPBACK, type PortSetting, type Settings } from "./settings.ts";

const USES: Readonly<Record<PortSetting, string>> = {
  BERTH_API_PORT: "the API",
  BERTH_NATS_PORT: "nats-server",
  BERTH_ISCSI_PORT: "the iSCSI target",
};

/** Throws `E_PORT_TAKEN` with a sentence that names the port and the setting for another one. */
export async function assertPortsFree(settings: Settings): Promise<void> {
  const needed: PortSetting[] = ["BERTH_API_PORT", "BERTH_NATS_PORT"];
  if (!settings.fake) needed.push("BERTH_ISCSI_PORT");
  await Promise.all(needed.map((name) => assertPortFree(settings.ports[name], name)));
}

async function assertPortFree(port: number, setting: PortSetting): Promise<void> {
  const error = await tryToListen(port);
  if (error === null) return;
  if (error.code === "EADDRINUSE")
    throw new BerthError(
      "E_PORT_TAKEN",
      `port ${port} is taken, and ${USES[setting]} needs one: set ${setting} to a free port`,
    );
  throw new BerthError(
    "E_CONFIG",
    `cannot listen on port ${port} for ${USES[setting]}: set ${setting} to another port`,
    {
      cause: error,
    },
  );
}

function tryToListen(port: number): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error) => resolve(error));
    server.listen({ host: LOOPBACK, port }, () => server.close(() => resolve(null)));
  });
}
