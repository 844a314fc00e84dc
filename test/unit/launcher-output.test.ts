import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { LineSplitter } from "#deploy/dev/line-splitter.ts";
import { LogFile } from "#deploy/dev/log-file.ts";
import { natsFormat, pinoFormat } from "#deploy/dev/log-line.ts";
import { howToGoOn, notHealthy } from "#deploy/dev/messages.ts";
import { natsConfig } from "#deploy/dev/nats.ts";
import { readSettings } from "#deploy/dev/settings.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";

function shown(record: object): string {
  return stripVTControlCharacters(pinoFormat("north-1", JSON.stringify({ time: 0, ...record })) ?? "").slice(
    "00:00:00 ".length,
  );
}

describe("log lines for people", () => {
  it("show who says what, with its facts, and not what the prefix says already", () => {
    expect(
      shown({ level: 30, name: "agent", agentId: "north-1", zone: "north", msg: "backend open", backendId: 3 }),
    ).toBe("[north-1] backend open backendId=3");
    expect(shown({ level: 50, msg: "lost" })).toBe("[north-1] ERROR lost");
  });

  it("do not let a user's words give orders to the terminal", () => {
    const line =
      pinoFormat("scheduler", JSON.stringify({ level: 30, time: 0, msg: "made", name_: "a\u001b[2Jb\u009bc" })) ?? "";
    expect(stripVTControlCharacters(line)).toContain("a\\u001b[2Jb");
    expect(line).not.toContain("\u001b[2J");
    expect(pinoFormat("scheduler", "\u001b]0;title\u0007") ?? "").not.toContain("\u001b]");
  });

  it("show what is not JSON as it is, and of nats-server what is wrong", () => {
    expect(pinoFormat("scheduler", "SyntaxError: {")).toContain("SyntaxError: {");
    expect(pinoFormat("scheduler", '{"half": ')).toContain('{"half": ');
    expect(natsFormat("nats-server", "[12] [INF] Server is ready")).toBeNull();
    expect(natsFormat("nats-server", "[12] [ERR] no disk")).toContain("no disk");
  });
});

describe("log files", () => {
  it("are bounded: the older half makes place for the newer", () => {
    const file = new LogFile(join(temporaryFolder(), "agent.log"), 100);
    for (let n = 0; n < 50; n++) file.append(`line ${String(n).padStart(4, "0")}\n`);
    expect(statSync(file.path).size).toBeLessThanOrEqual(100);
    expect(statSync(`${file.path}.1`).size).toBeLessThanOrEqual(100);
    expect(readFileSync(file.path, "utf8")).toContain("line 0049");
  });

  it("count what an earlier start wrote", () => {
    const path = join(temporaryFolder(), "agent.log");
    new LogFile(path, 100).append("x".repeat(90));
    new LogFile(path, 100).append("y".repeat(20));
    expect(readFileSync(path, "utf8")).toBe("y".repeat(20));
  });

  it("that cannot be written end nothing", () => {
    new LogFile(join(temporaryFolder(), "missing/agent.log")).append("lost\n");
  });
});

describe("lines of a stream", () => {
  it("come whole, however the text is cut, and without bound never", () => {
    const splitter = new LineSplitter();
    expect(splitter.push("one\ntw")).toEqual(["one"]);
    expect(splitter.push("o\nthree")).toEqual(["two"]);
    expect(splitter.flush()).toEqual(["three"]);
    expect(splitter.push("x".repeat(70_000))).toHaveLength(1);
  });
});

describe("what the launcher says", () => {
  it("gives commands that work, with the port when it is not the usual one", () => {
    const usual = howToGoOn(readSettings({}, "/srv", false), 1000);
    expect(usual).toContain("bin/berth volume create --flavor gold --size 1 --zone north --name first --wait");
    expect(usual).not.toContain("BERTH_API_PORT");
    expect(howToGoOn(readSettings({ BERTH_API_PORT: "8777" }, "/srv", false), 1000)).toContain(
      "BERTH_API_PORT=8777 bin/berth",
    );
  });

  it("names what is not healthy", () => {
    expect(notHealthy({ scheduler: false, agents: ["north-2"], backends: ["south-gold-1"] })).toContain(
      "agent north-2 is not up, backend south-gold-1 is not up",
    );
  });

  it("tells nats-server to write through only where that is understood", () => {
    const settings = readSettings({ BERTH_DATA: '/odd "place"' }, "/srv", false);
    expect(natsConfig(settings, "2.9.10")).not.toContain("sync_interval");
    expect(natsConfig(settings, "2.10.0")).toContain("sync_interval: always");
    expect(natsConfig(settings, "3.0.0")).toContain("sync_interval: always");
    expect(natsConfig(settings, "2.9.10")).toContain('store_dir: "/odd \\"place\\"/nats"');
  });
});
