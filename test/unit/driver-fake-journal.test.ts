import { fork } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { FakeJournal, newestJournal } from "#agent/drivers/fake/journal.ts";
import { volumeName } from "#agent/drivers/names.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { until } from "#test/kit/until.ts";

const COMPACT_FROM_BYTES = 2_000;

function openedAt(folder: string): FakeJournal {
  const journal = new FakeJournal(join(folder, "one.journal"), COMPACT_FROM_BYTES);
  journal.open();
  onTestFinished(() => journal.close());
  return journal;
}

function nameOf(n: number, writer = 0): string {
  return volumeName(`0000000${writer}-0000-4000-8000-${String(n).padStart(12, "0")}`);
}

function namesIn(journal: FakeJournal): string[] {
  journal.catchUp();
  return journal
    .entries(1)
    .map(([name]) => name)
    .sort();
}

const MADE = { mark: "bWFyaw", thick: true };

describe("a journal that has become too long", () => {
  test("is written anew, and who reads it knows the same as before", () => {
    const folder = temporaryFolder();
    const [writer, reader] = [openedAt(folder), openedAt(folder)];
    writer.put(1, nameOf(0), 7, MADE);
    // A new size keeps what it was made as, also through the next file.
    writer.put(1, nameOf(0), 9);
    for (let n = 1; n <= 1_000; n++) {
      writer.put(1, nameOf(n), 5, MADE);
      if (n > 3) writer.remove(1, nameOf(n));
      // Now and then, so that it misses whole files.
      if (n % 97 === 0) reader.catchUp();
    }
    const kept = [0, 1, 2, 3].map((n) => nameOf(n));
    for (const journal of [writer, reader, openedAt(folder)]) {
      expect(namesIn(journal)).toEqual(kept);
      expect(journal.entries(1)[0]?.[1]).toEqual({ sizeBytes: 9, ...MADE });
      expect(journal.totals(1)).toEqual({ count: 4, bytes: 24, thickBytes: 24 });
      expect(journal.pool).toEqual({ bytes: 24, thickBytes: 24 });
    }
    const [only, ...others] = readdirSync(folder);
    expect(others).toEqual([]);
    expect(only).toMatch(/^one\.journal\.\d+$/);
    expect(statSync(newestJournal(join(folder, "one.journal"))).size).toBeLessThan(COMPACT_FROM_BYTES + 200);
  });

  test("is as long as what stands there needs, twice at most", () => {
    const folder = temporaryFolder();
    const writer = openedAt(folder);
    for (let n = 0; n < 200; n++) writer.put(1, nameOf(n), 5, MADE);
    const neededBytes = statSync(newestJournal(join(folder, "one.journal"))).size;
    for (let n = 0; n < 1_000; n++) writer.put(1, nameOf(n % 200), 6 + n);
    expect(statSync(newestJournal(join(folder, "one.journal"))).size).toBeLessThan(2.2 * neededBytes);
    expect(namesIn(openedAt(folder)).length).toBe(200);
  });

  test("whose writer was killed when it had closed it is gone on with; what came too late did not count", () => {
    const folder = temporaryFolder();
    const writer = openedAt(folder);
    writer.put(1, nameOf(1), 5, MADE);
    appendFileSync(join(folder, "one.journal"), `=\n+ 1 ${nameOf(2)} 5\n`);
    writeFileSync(join(folder, "one.journal.new-4194305"), `+ 1 ${nameOf(3)} 5\n`);
    expect(namesIn(openedAt(folder))).toEqual([nameOf(1)]);
    expect(readdirSync(folder)).toEqual(["one.journal.1"]);
    // One that had it open all the time, and does not know of the end.
    writer.put(1, nameOf(4), 5);
    expect(namesIn(openedAt(folder))).toEqual([nameOf(1), nameOf(4)]);
  });

  test("and was not removed when the next one stood is not read again", () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "one.journal"), `+ 1 ${nameOf(1)} 5\n=\n`);
    writeFileSync(join(folder, "one.journal.1"), `+ 1 ${nameOf(1)} 5\n- 1 ${nameOf(1)}\n`);
    expect(namesIn(openedAt(folder))).toEqual([]);
  });
});

test("several agents at once, of which one is killed: nothing that was written is lost, nothing removed is back", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "one.journal");
  const start = (writer: number, count: number) =>
    fork(join(import.meta.dirname, "fake-journal-writer.ts"), [path, String(writer), String(count)]);
  const [one, other, victim] = [start(1, 1_000), start(2, 1_000), start(3, 10_000_000)];
  const ended = [once(one, "exit"), once(other, "exit"), once(victim, "exit")];
  const watcher = openedAt(folder);
  await until("the one to be killed is at work", () => namesIn(watcher).some((name) => name.includes("00000003-")));
  victim.kill("SIGKILL");
  expect((await Promise.all(ended)).map(([code]) => code)).toEqual([0, 0, null]);
  const kept = [1, 2].flatMap((writer) => Array.from({ length: 100 }, (_, n) => nameOf(n * 10, writer)));
  for (const journal of [watcher, openedAt(folder)]) {
    const others = namesIn(journal).filter((name) => !name.includes("00000003-"));
    expect(others).toEqual(kept.sort());
  }
});
