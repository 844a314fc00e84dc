import { describe, expect, test } from "vitest";
import { type Command, commandWord } from "#scheduler/cli/command.ts";
import { EXIT_CODE_MEANINGS, EXIT_CODES } from "#scheduler/cli/exit-codes.ts";
import { NOUNS } from "#scheduler/cli/nouns.ts";
import { runBerth } from "#scheduler/cli/program.ts";
import { RecordingTerminal } from "#test/kit/recording-terminal.ts";
import { ScriptedScheduler } from "#test/kit/scripted-scheduler.ts";

interface Offered {
  readonly line: string;
  readonly words: readonly string[];
  readonly command: Command;
}

const OFFERED: readonly Offered[] = (
  await Promise.all(
    Object.entries(NOUNS).map(async ([name, noun]) =>
      (
        await noun.load()
      ).map((command) => {
        const words = noun.isCommand ? [name] : [name, commandWord(command)];
        return { line: words.join(" "), words, command };
      }),
    ),
  )
).flat();

/** Words as a shell would make them; examples use plain words and double quotes only. */
function shellWords(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
}

async function run(...argv: string[]): Promise<{ exitCode: number; out: string; err: string }> {
  const terminal = new RecordingTerminal();
  const exitCode = await runBerth(argv, terminal);
  return { exitCode, out: terminal.outText, err: terminal.errText };
}

describe("every command", () => {
  test("there are some", () => {
    expect(OFFERED.length).toBeGreaterThan(30);
  });

  test.each(OFFERED)(
    "$line has help with what it does, its examples, and the options of all",
    async ({ words, command }) => {
      const { exitCode, out, err } = await run(...words, "--help");
      expect([exitCode, err]).toEqual([0, ""]);
      expect(out.replace(/\s+/g, " ")).toContain(command.summary);
      expect(command.examples.length).toBeGreaterThan(0);
      for (const [line, what] of command.examples) {
        expect(out).toContain(`berth ${line}`);
        expect(out).toContain(what);
      }
      expect(out).toContain("Options everywhere:");
    },
  );

  // What asks no scheduler would work on what is here; its own tests type it.
  const asking = OFFERED.filter(({ words }) => words[0] !== "ledger" && words.join(" ") !== "key generate");
  test.each(asking)("$line has examples that can be typed", async ({ command }) => {
    await using scheduler = await ScriptedScheduler.start({});
    for (const [line] of command.examples) {
      const { exitCode, err } = await run(...shellWords(line), "--api", scheduler.url);
      expect(exitCode, `${line}: ${err}`).toBe(EXIT_CODES.notFound);
    }
  });

  test.each(OFFERED)("$line refuses what it does not know", async ({ words }) => {
    const { exitCode, out, err } = await run(...words, "--no-such-option");
    expect([exitCode, out]).toEqual([EXIT_CODES.usage, ""]);
    expect(err).toMatch(/^berth: /);
    expect(err).toContain(`Next: See \`berth ${words.join(" ")} --help\`.`);
  });
});

describe("help", () => {
  test("lists all nouns, the options of all, and every exit code", async () => {
    const { exitCode, out } = await run("--help");
    expect(exitCode).toBe(0);
    for (const [name, { summary }] of Object.entries(NOUNS))
      expect(out).toMatch(new RegExp(`berth ${name} +${summary}`));
    for (const meaning of Object.values(EXIT_CODE_MEANINGS)) expect(out).toContain(meaning);
    for (const code of Object.values(EXIT_CODES)) expect(out).toMatch(new RegExp(`^ +${code}  `, "m"));
    expect((await run()).out).toBe(out);
    expect((await run("help")).out).toBe(out);
  });

  test("of a noun lists its verbs", async () => {
    const { out } = await run("help", "volume");
    for (const verb of [
      "create",
      "list",
      "show",
      "explain",
      "extend <volume> [size]",
      "connect",
      "disconnect",
      "delete",
    ])
      expect(out).toContain(`berth volume ${verb}`);
  });

  test("a noun alone asks what to do", async () => {
    const { exitCode, err } = await run("zone");
    expect(exitCode).toBe(2);
    expect(err).toContain("say what to do: list, create, set, delete");
  });

  test("the version is the project's", async () => {
    const { out } = await run("--version");
    expect(out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe("slips are told with what was probably meant", () => {
  test.each([
    [["volum", "list"], '"volum" is not known here; did you mean volume?'],
    [["volume", "creat"], '"creat" is not known here; did you mean create?'],
    [["volume", "create", "--sise", "1"], "--sise is not an option here; did you mean --size?"],
    [["volume", "create", "--fromvolume=x"], "--fromvolume is not an option here; did you mean --from-volume?"],
    [["sm", "flavour_create", "gold"], '"flavour_create" is not known here; did you mean flavor_create?'],
    [["volume", "list", "extra"], '"extra" is not known here'],
    [["backend", "add", "gold"], "too few words: berth backend add <flavor> <type> [parameters..]"],
    [["backend", "disable", "1"], "--reason is missing"],
    [["volume", "create", "--size"], "--size needs a value"],
    [["volume", "list", "--limit", "1", "--limit", "2"], "--limit is given twice"],
    [["volume", "create"], "--size is missing"],
    [["volume", "extend", "a"], "the new size is missing"],
    [["volume", "show", ""], "the volume's id or name is empty"],
    [["volume", "create", "--from-snapshot", "a", "--from-volume", "b"], "not from both"],
  ])("%j", async (argv, sentence) => {
    const { exitCode, out, err } = await run(...argv);
    expect([exitCode, out]).toEqual([EXIT_CODES.usage, ""]);
    expect(err).toContain(sentence);
    expect(err).toContain("(E_BAD_REQUEST)");
  });
});

test("completion: a script, and the words that could stand there", async () => {
  expect((await run("completion")).out).toContain("_berth_yargs_completions");
  expect((await run("--get-yargs-completions", "berth", "")).out.split("\n")).toEqual(
    expect.arrayContaining(Object.keys(NOUNS)),
  );
  const verbs = (await run("--get-yargs-completions", "berth", "snapshot", "")).out.split("\n");
  expect(verbs).toEqual(expect.arrayContaining(["create", "list", "show", "delete"]));
  const options = (await run("--get-yargs-completions", "berth", "snapshot", "create", "--")).out.split("\n");
  expect(options).toEqual(expect.arrayContaining(["--name", "--force", "--wait", "--json"]));
});
