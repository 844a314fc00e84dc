import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { type NatsServer, startNatsServer } from "./nats-server.ts";

export interface NatsCluster extends AsyncDisposable {
  readonly servers: readonly NatsServer[];
  /** All of them, as BERTH_NATS_URL takes it. */
  readonly url: string;
  /** Where each tells of itself over HTTP: `/healthz` is 200 once it has caught up with the others. */
  readonly monitorUrls: readonly string[];
}

const SIZE = 3;

/** Three real nats-servers that keep three copies of each stream. They answer; who leads them is settled a little later. */
export async function startNatsCluster(): Promise<NatsCluster> {
  await using started = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "berth-nats-cluster-"));
  started.defer(() => rm(folder, { recursive: true, force: true }));
  const routePorts = await distinctPorts();
  const monitors = (await distinctPorts()).map((port) => `127.0.0.1:${port}`);
  const routes = routePorts.map((port) => `"nats://127.0.0.1:${port}"`).join(", ");
  const begun = await Promise.allSettled(
    routePorts.map(async (routePort, index) => {
      const configFile = join(folder, `${index}.conf`);
      const cluster = `cluster { name: berth-test, listen: "127.0.0.1:${routePort}", routes: [${routes}] }`;
      await writeFile(configFile, `server_name: server-${index}\nhttp: "${monitors[index]}"\n${cluster}\n`);
      return started.use(await startNatsServer({ configFile, port: await freePort() }));
    }),
  );
  for (const { status, ...outcome } of begun) if (status === "rejected" && "reason" in outcome) throw outcome.reason;
  const servers = begun.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  const all = started.move();
  return {
    servers,
    url: servers.map(({ url }) => url).join(","),
    monitorUrls: monitors.map((monitor) => `http://${monitor}`),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function distinctPorts(): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < SIZE) ports.add(await freePort());
  return [...ports];
}
