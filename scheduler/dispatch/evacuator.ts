import type { Logger } from "#shared/log.ts";
import type { Sealing } from "#shared/sealed.ts";
import type { Engine } from "../engine.ts";
import { moveMeans } from "../move-means.ts";

/** Gives the core what it cannot make for the next moves of a backend that is evacuated; each tick asks for it again. */
export function followEvacuations(engine: Engine, sealingKey: Sealing, log: Logger): void {
  engine.onEffect((effect) => {
    if (effect.kind !== "evacuate") return;
    const { backendId, count } = effect;
    const means = Array.from({ length: count }, () => moveMeans(sealingKey));
    engine
      .submit("backend.evacuate-next", { backendId, means })
      .catch((error: unknown) => log.debug({ err: error, backendId }, "the next volumes could not begin to leave yet"));
  });
}
