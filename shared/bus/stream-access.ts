import { JetStreamApiError, type JetStreamClient, type JetStreamManager, type StreamConfig } from "@nats-io/jetstream";
import type { Logger } from "../log.ts";
import type { ServerWatch } from "./server-watch.ts";

/** What reading and writing streams takes. */
export interface StreamAccess {
  readonly client: JetStreamClient;
  /** For making streams, which may take an election. */
  readonly manager: JetStreamManager;
  /** For questions: answered at once, or asked again. */
  readonly quick: JetStreamManager;
  /** Is told what is written, and of the questions those that come all the time. */
  readonly watch: ServerWatch;
  readonly maxPayloadBytes: number;
  readonly log: Logger;
}

/** Headers count as well. */
export function maxBodyBytes({ maxPayloadBytes }: StreamAccess): number {
  return Math.floor(maxPayloadBytes * 0.75);
}

/** Makes the stream, or brings its settings up to date. What it holds stays. */
export async function ensureStream(
  { manager }: Pick<StreamAccess, "manager">,
  name: string,
  config: Partial<StreamConfig> & Pick<StreamConfig, "subjects" | "num_replicas">,
): Promise<void> {
  try {
    await manager.streams.add({ name, ...config });
  } catch (error) {
    if (!(error instanceof JetStreamApiError)) throw error;
    await manager.streams.update(name, config);
  }
}
