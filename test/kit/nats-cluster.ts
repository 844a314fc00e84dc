import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { type NatsServer, startNatsServer } from "./nats-server.ts";
import { HERE, type Place } from "./place.ts";

export interface NatsCluster extends AsyncDisposable {
  readonly servers: readonly NatsServer[];
  /** All of them, as BERTH_NATS_URL takes it. */
  readonly url: string;
  /** Where each tells of itself over HTTP: `/healthz` is 200 once it has caught up with the others. */
  readonly monitorUrls: readonly string[];
}

const SIZE = 3;

/** Three real nats-servers that keep three copies of each stream. They answer; who leads them is settled a little later. */
export async function startNatsCluster(
  placeOf: (server: string) => Promise<Place> = async () => HERE,
): Promise<NatsCluster> {
  await using started = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "berth-nats-cluster-"));
  started.defer(() => rm(folder, { recursive: true, force: true }));
  const routePorts = await distinctPorts();
  const addresses = await Promise.all(
    routePorts.map(async (routePort, index) => ({ routePort, place: await placeOf(`nats-${index}`) })),
  );
  const monitorPorts = await distinctPorts();
  const monitors = addresses.map(({ place }, index) => `${place.address}:${monitorPorts[index]}`);
  const routes = addresses.map(({ place, routePort }) => `"nats://${place.address}:${routePort}"`).join(", ");
  const begun = await Promise.allSettled(
    addresses.map(async ({ routePort, place }, index) => {
      const configFile = join(folder, `${index}.conf`);
      const cluster = `cluster { name: berth-test, listen: "${place.address}:${routePort}", routes: [${routes}] }`;
      await writeFile(configFile, `server_name: server-${index}\nhttp: "${monitors[index]}"\n${cluster}\n`);
      return started.use(await startNatsServer({ configFile, port: await freePort(), place }));
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
