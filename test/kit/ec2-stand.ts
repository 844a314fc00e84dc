import { expect } from "vitest";
import { PROTOCOL_VERSION } from "#shared/protocol/message.ts";
import { type ApiStand, openApiStand } from "./api-stand.ts";
import { type Ec2Parameters, Ec2TestClient } from "./ec2-caller.ts";
import { until } from "./until.ts";

export const NORTH = { AvailabilityZone: "north", Size: 1 };
export const INSTANCE = "i-0123456789abcdef0";

/** A stand with a client of project acme. End it with `stand.api.close()`. */
export class Ec2Stand {
  readonly stand: ApiStand;
  readonly client: Ec2TestClient;

  private constructor(stand: ApiStand, client: Ec2TestClient) {
    this.stand = stand;
    this.client = client;
  }

  static async open(): Promise<Ec2Stand> {
    const stand = await openApiStand();
    return new Ec2Stand(stand, await Ec2TestClient.open(stand));
  }

  /** A volume that can be used. */
  async created(parameters: Ec2Parameters = {}): Promise<string> {
    const { volumeId } = await this.client.ok("CreateVolume", { ...NORTH, ...parameters });
    await this.untilVolume(String(volumeId), "available");
    return String(volumeId);
  }

  async volume(id: string): Promise<Record<string, unknown>> {
    return Object((await this.client.ok("DescribeVolumes", { "VolumeId.1": id })).volumeSet)[0];
  }

  async untilVolume(id: string, status: string): Promise<void> {
    await until(`${id} ${status}`, async () => (await this.volume(id)).status === status);
  }

  /** A snapshot that is whole. */
  async snapshotOf(volumeId: string): Promise<string> {
    const { snapshotId } = await this.client.ok("CreateSnapshot", { VolumeId: volumeId, Description: "before" });
    const named = { "SnapshotId.1": String(snapshotId) };
    await until("the snapshot", async () => {
      const { snapshotSet } = await this.client.ok("DescribeSnapshots", named);
      return Object(snapshotSet)[0].status === "completed";
    });
    return String(snapshotId);
  }

  /** The one job that there is, which no agent has answered, is done. */
  async finish(): Promise<void> {
    const [job, ...others] = this.stand.state.table("job").values();
    if (job === undefined || others.length > 0) throw new Error(`${others.length} jobs beside ${job?.id ?? "none"}`);
    const { id: jobId, attempt, backendId, operation } = job;
    await this.stand.engine.submit("job.result", {
      version: PROTOCOL_VERSION,
      ...{ jobId, attempt, agentId: "agent-north", backendId, operation },
      ...{ outcome: "done", error: null, providerId: null, properties: null, connectionInfo: null, durationMs: 1 },
    });
  }

  /** It is refused with this code; the answer is its sentence. */
  async refused(action: string, parameters: Ec2Parameters, code: string, status = 400): Promise<string> {
    const reply = await this.client.call(action, parameters);
    expect([reply.code, reply.status], reply.text).toEqual([code, status]);
    return reply.message;
  }
}
