import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";
import { Random } from "#test/simulation/random.ts";
import { type Route, routesOf } from "./document.ts";
import { requestOn } from "./requests.ts";
import { Values } from "./values.ts";

/** What one route answered. */
export interface Fuzzed {
  readonly route: string;
  readonly requests: number;
  /** Answers by their status. */
  readonly statuses: ReadonlyMap<number, number>;
  /** Of the program's own failures, the first few: what was asked and answered. */
  readonly failures: readonly string[];
}

const MOST_FAILURES = 3;

const PLENTY_BYTES = 1024 ** 5;

/** A program with room for all that is made by the way. End it with `stand.api.close()`. */
export async function openFuzzed(): Promise<{ readonly stand: ApiStand; readonly routes: readonly Route[] }> {
  const stand = await openApiStand({ connectTimeoutMs: 50 });
  for (const { id } of stand.state.catalogue.catalogue.backends)
    await stand.report(id, { totalBytes: PLENTY_BYTES, freeBytes: PLENTY_BYTES });
  return { stand, routes: await routesOf(stand) };
}

/** So many requests on one route. */
export async function fuzzRoute(stand: ApiStand, route: Route, requests: number, seed: number): Promise<Fuzzed> {
  const random = new Random(seed);
  const values = new Values(random, await furnish(stand));
  stand.logLines.length = 0;
  const statuses = new Map<number, number>();
  const failures: string[] = [];
  for (let n = 0; n < requests; n++) {
    const request = requestOn(route, random, values);
    const { statusCode, body } = await stand.api.inject(request);
    statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
    if (isFailure(statusCode, body) && failures.length < MOST_FAILURES)
      failures.push(`${JSON.stringify(request).slice(0, 1500)} -> ${statusCode} ${body.slice(0, 300)}${cause(stand)}`);
  }
  return { route: `${route.method} ${route.path}`, requests, statuses, failures };
}

/** That an agent does not answer, or a backend cannot, is no failure of the program. */
function isFailure(status: number, body: string): boolean {
  return status >= 500 && /E_INTERNAL|^$/.test(body);
}

function cause({ logLines }: ApiStand): string {
  const line = logLines.findLast((text) => text.includes('"level":50'));
  return line === undefined ? "" : `\n  ${line.slice(0, 1500)}`;
}

/** Objects of each kind, and the words by which they are known. */
async function furnish(stand: ApiStand): Promise<string[]> {
  const words = ["p1", "gold", "north", "store-1", "1", "2", "available", "rw", "name", "default"];
  const made = async (path: string, payload: object): Promise<void> => {
    const answer: unknown = (await stand.ask({ method: "POST", url: `/v3/p1/${path}`, payload })).json();
    words.push(...idsIn(answer));
  };
  for (let n = 0; n < 3; n++) await made("volumes", { volume: { size: 1, name: `v${n}` } });
  for (const id of [...stand.state.table("volume").keys()].slice(-3))
    await made("snapshots", { snapshot: { volume_id: id } });
  await made("groups", { group: { name: "g", volume_types: ["gold"] } });
  return words;
}

function idsIn(answer: unknown): string[] {
  const text = JSON.stringify(answer);
  return [...text.matchAll(/"id":"([0-9a-f-]{36})"/g)].map(([, id = ""]) => id);
}
