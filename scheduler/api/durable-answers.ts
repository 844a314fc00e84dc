import type { Engine } from "../engine.ts";
import type { Api } from "./dependencies.ts";

/** What is asked to see whether this scheduler lives must be told when its ledger hangs, too. */
const HEALTH_PATH = "/berth/v1/health";
const RECORDS = /^\/(v3|berth\/v1)\//;

/**
 * The state in memory is a commit ahead of the disk. Whoever is told something from it, and then the scheduler dies, would
 * see it undone. So such an answer leaves only when all that was decided before it is durable. Changes that were accepted
 * have waited for their own commit, and failures of the scheduler itself tell nothing of records.
 */
export function holdAnswersUntilDurable(app: Api, engine: Engine): void {
  app.addHook("onSend", (request, reply, payload, done) => {
    const { method, url } = request;
    const { statusCode } = reply;
    const isDue = statusCode < 500 && (method === "GET" || statusCode >= 400);
    if (!isDue || engine.isDurable || !RECORDS.test(url) || url.startsWith(HEALTH_PATH)) return done(null, payload);
    engine.durable().then(
      () => done(null, payload),
      (error: Error) => done(error),
    );
  });
}
