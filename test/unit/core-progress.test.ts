import { describe, expect, it } from "vitest";
import { PROTOCOL_VERSION } from "#shared/protocol/message.ts";
import type { JobProgressAnswer } from "#shared/protocol/progress.ts";
import { CoreStand, ON } from "#test/kit/core-stand.ts";

const TOTAL = 1000 * 1024 ** 2;
const PERCENT = TOTAL / 100;

function working(): { stand: CoreStand; id: string; jobId: string } {
  const stand = CoreStand.ready();
  const { id } = stand.createVolume();
  return { stand, id, jobId: stand.job(id).id };
}

function tell(stand: CoreStand, jobId: string, percent: number, checkpoint = 0, attempt = 1): JobProgressAnswer {
  return stand.send("job.progress", {
    ...{ version: PROTOCOL_VERSION, jobId, attempt, agentId: "a", totalBytes: TOTAL },
    ...{ doneBytes: percent * PERCENT, checkpointBytes: checkpoint * PERCENT },
  });
}

describe("the progress of a job", () => {
  it("is kept while the job lives, and in no commit", () => {
    const { stand, id, jobId } = working();
    const before = stand.seq;
    expect(tell(stand, jobId, 1)).toEqual({ goOn: true, checkpointBytes: 0 });
    expect(stand.seq).toBe(before);
    expect(stand.state.progress.get(jobId)).toMatchObject({ doneBytes: PERCENT, totalBytes: TOTAL, agentId: "a" });
    stand.finish(id);
    expect(stand.state.progress.size).toBe(0);
  });

  it("makes a checkpoint durable when it moved by enough, or after a while, and gives it to the next try", () => {
    const { stand, id, jobId } = working();
    expect(tell(stand, jobId, 6, 5)).toEqual({ goOn: true, checkpointBytes: 5 * PERCENT });
    const { seq } = stand;
    expect(tell(stand, jobId, 7, 6).checkpointBytes).toBe(5 * PERCENT);
    expect(stand.seq).toBe(seq);
    stand.nowMs += 5_000;
    expect(tell(stand, jobId, 8, 6).checkpointBytes).toBe(6 * PERCENT);
    expect(stand.seq).toBe(seq + 1);
    stand.finish(id, "unknown");
    expect(stand.job(id)).toMatchObject({ attempt: 2, checkpointBytes: 6 * PERCENT });
    expect(tell(stand, jobId, 0, 0, 2)).toEqual({ goOn: true, checkpointBytes: 6 * PERCENT });
    // A checkpoint never goes back.
    stand.nowMs += 60_000;
    expect(tell(stand, jobId, 1, 1, 2).checkpointBytes).toBe(6 * PERCENT);
  });

  it("ends the try whose job is over, has gone to another try, or was turned; what was done counts no more", () => {
    const { stand, id, jobId } = working();
    tell(stand, jobId, 50, 50);
    stand.finish(id, "unknown");
    expect(tell(stand, jobId, 60, 60)).toEqual({ goOn: false, checkpointBytes: 50 * PERCENT });
    stand.send("volume.delete", ON(id));
    stand.tick(stand.state.settings.operationDeadlineMs);
    expect(stand.job(id)).toMatchObject({ operation: { kind: "volume.delete" }, checkpointBytes: 0 });
    expect(tell(stand, jobId, 60, 60, 2).goOn).toBe(false);
    expect(stand.state.progress.size).toBe(0);
    expect(tell(stand, "nobody-1", 1)).toEqual({ goOn: false, checkpointBytes: null });
  });

  it("moves the deadline on for who gets on, and for nobody else", () => {
    const { stand, id, jobId } = working();
    const halfMs = stand.state.settings.operationDeadlineMs / 2;
    for (let percent = 1; percent <= 10; percent++) {
      stand.tick(halfMs + 1);
      tell(stand, jobId, percent);
      expect(stand.volume(id).status).toBe("creating");
    }
    // The same again, or as far in another try, is no progress.
    stand.finish(id, "unknown");
    for (let n = 0; n < 3; n++) {
      tell(stand, jobId, 10, 0, 2);
      tell(stand, jobId, 9 + n / 1e6, 0, 2);
      stand.tick(halfMs + 1);
    }
    expect(stand.volume(id).status).toBe("error");
  });
});
