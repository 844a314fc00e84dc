import type { Logger } from "#shared/log.ts";
import type { Engine } from "../engine.ts";
import type { AgentDesk } from "./agent-desk.ts";
import type { JobSender } from "./job-sender.ts";
import type { SideLookout } from "./side-lookout.ts";

const MEASURE_TIMEOUT_MS = 30_000;

/** Carries out what the core decided, once it is durable. */
export function followEffects(
  engine: Engine,
  sender: JobSender,
  desk: AgentDesk,
  lookout: SideLookout,
  log: Logger,
): void {
  engine.onEffect((effect) => {
    switch (effect.kind) {
      case "send-job":
        sender.send(effect.job);
        break;
      case "measure":
        desk.measure(effect.backendId, MEASURE_TIMEOUT_MS).catch((error) => {
          log.warn({ err: error, backendId: effect.backendId }, "a backend could not be measured anew");
        });
        break;
      case "list-backend":
        lookout.look(effect.backendId, effect.token);
        break;
      case "nudge":
        desk.nudge([effect.zone]);
        break;
      case "agent-up":
        log.info({ agentId: effect.agentId, zone: effect.zone }, "agent up");
        break;
      case "agent-down":
        log.warn({ agentId: effect.agentId, zone: effect.zone, silentMs: effect.silentMs }, "agent down");
        break;
      case "operation-ended": {
        const { kind: _kind, ...facts } = effect;
        if (effect.outcome === "done") log.debug(facts, "operation done");
        else log.warn(facts, "operation failed");
        break;
      }
    }
  });
}
