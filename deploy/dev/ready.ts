import { setTimeout as pause } from "node:timers/promises";
import { Type } from "typebox";
import { Nullable } from "#shared/model/nullable.ts";
import { parser } from "#shared/schema.ts";

const POLL_MS = 50;
const REQUEST_DEADLINE_MS = 2000;

const healthAnswer = parser(Type.Object({ status: Type.String() }), "health");
const agentsAnswer = parser(
  Type.Object({ agents: Type.Array(Type.Object({ id: Type.String(), state: Type.String() })) }),
  "agents",
);
const backendsAnswer = parser(
  Type.Object({
    backends: Type.Array(
      Type.Object({ name: Type.String(), health: Type.String(), reportAgeMs: Nullable(Type.Number()) }),
    ),
  }),
  "backends",
);

/** What is not up yet; `scheduler` false: it does not answer. */
export interface Missing {
  readonly scheduler: boolean;
  readonly agents: readonly string[];
  readonly backends: readonly string[];
}

const NOTHING_ANSWERS: Missing = { scheduler: true, agents: [], backends: [] };

export function isReady(missing: Missing): boolean {
  return !missing.scheduler && missing.agents.length === 0 && missing.backends.length === 0;
}

export interface Expectation {
  /** Of the operators' API, without a slash at its end. */
  readonly operatorUrl: string;
  readonly agentIds: readonly string[];
  readonly deadlineMs: number;
  /** Counted from when only backends are missing: one that is broken must not hold up the others for long. */
  readonly backendsDeadlineMs: number;
}

/** Asks until the scheduler, the agents and all backends are up, or a deadline has passed; gives what is missing then. */
export async function waitUntilReady(expectation: Expectation, signal: AbortSignal): Promise<Missing> {
  let endMs = performance.now() + expectation.deadlineMs;
  for (;;) {
    const missing = await whatIsMissing(expectation, signal);
    if (isReady(missing) || performance.now() > endMs || signal.aborted) return missing;
    if (!missing.scheduler && missing.agents.length === 0)
      endMs = Math.min(endMs, performance.now() + expectation.backendsDeadlineMs);
    await pause(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function whatIsMissing({ operatorUrl, agentIds }: Expectation, signal: AbortSignal): Promise<Missing> {
  const ask = async (path: string): Promise<unknown> => {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_DEADLINE_MS)]);
    const answer = await fetch(`${operatorUrl}/${path}`, { signal: deadline });
    return answer.json();
  };
  try {
    const [health, agents, backends] = await Promise.all([ask("health"), ask("agents"), ask("backends")]);
    const up = new Set(
      agentsAnswer
        .parse(agents)
        .agents.filter(({ state }) => state === "up")
        .map(({ id }) => id),
    );
    const down = backendsAnswer
      .parse(backends)
      .backends.filter((one) => one.health !== "up" || one.reportAgeMs === null);
    return {
      scheduler: healthAnswer.parse(health).status !== "ok",
      agents: agentIds.filter((id) => !up.has(id)),
      backends: down.map(({ name }) => name),
    };
  } catch {
    // Not up yet, or not whole yet: what it is shows in its own log.
    return NOTHING_ANSWERS;
  }
}
