import { cpus, totalmem } from "node:os";
import { FAULTS } from "./book.ts";
import { SOAKED_KINDS } from "./operations.ts";
import type { SoakResult } from "./soak.ts";
import { type Disturbance, type Spread, spreadOf, unavailabilityOf } from "./timeline.ts";

const MOST_FAULTS_TOLD = 200;
const SLOWEST_TOLD = 10;

/** The figures of a run: what `--json` prints, and what the page is made of. */
export function figuresOf(result: SoakResult) {
  const { plan, performed, disturbances, faults, checks } = result;
  const done = performed.filter(({ outcome }) => outcome === "done");
  return {
    seed: plan.seed,
    ledger: plan.ledger,
    beganAt: result.beganAt.toISOString(),
    seconds: Math.round(result.seconds),
    machine: machine(),
    operations: done.length,
    refused: performed.filter(({ outcome }) => outcome === "refused").length,
    left: result.left,
    faults: Object.fromEntries(FAULTS.map((kind) => [kind, faults.filter((fault) => fault.kind === kind).length])),
    told: faults.slice(0, MOST_FAULTS_TOLD),
    checks,
    kinds: SOAKED_KINDS.map((kind) => {
      const mine = performed.filter((one) => one.kind === kind);
      const count = (outcome: string): number => mine.filter((one) => one.outcome === outcome).length;
      const times = mine.filter(({ outcome }) => outcome === "done").map(({ beganMs, endedMs }) => endedMs - beganMs);
      return {
        kind,
        done: count("done"),
        refused: count("refused"),
        failed: count("failed"),
        latency: spreadOf(times),
      };
    }),
    disturbances: groupsOf(disturbances).map(({ process, how, all }) => {
      const cost = all.flatMap((one) => unavailabilityOf(one, performed, result.zones) ?? []);
      return {
        process,
        how,
        count: all.length,
        points: [...new Set(all.flatMap(({ point }) => point ?? []))].sort(),
        away: spreadOf(all.map(({ atMs, backMs }) => backMs - atMs)),
        untilAccepted: spreadOf(cost.map(({ acceptedMs }) => acceptedMs)),
        untilDone: spreadOf(cost.map(({ doneMs }) => doneMs)),
      };
    }),
    slowest: performed
      .toSorted((a, b) => b.endedMs - b.beganMs - (a.endedMs - a.beganMs))
      .slice(0, SLOWEST_TOLD)
      .map(({ kind, ids, zone, beganMs, acceptedMs, endedMs }) => ({
        kind,
        ids,
        zone,
        at: new Date(performance.timeOrigin + beganMs).toISOString(),
        acceptedMs: acceptedMs - beganMs,
        doneMs: endedMs - beganMs,
      })),
    memory: result.memory,
  };
}
export type Figures = ReturnType<typeof figuresOf>;

/** A page that a person can read. */
export function pageOf(figures: Figures): string {
  const { faults, checks, told } = figures;
  const sum = Object.values(faults).reduce((all, one) => all + one, 0);
  const minutes = (figures.seconds / 60).toFixed(1);
  return `${[
    `# Soak: ${sum === 0 ? "nothing lost, doubled, stuck or left behind" : `${sum} FAULTS`}`,
    `${whole(figures.operations)} operations in ${minutes} minutes under ${whole(count(figures))} kills and pauses; ledger ${figures.ledger}, seed ${figures.seed}, begun ${figures.beganAt}. ${figures.machine}.`,
    table(
      ["lost", "doubled", "stuck", "orphans", "otherwise wrong"],
      [[faults.lost, faults.doubled, faults.stuck, faults.orphan, faults.wrong].map((one) => whole(one ?? 0))],
    ),
    ...(told.length === 0 ? [] : ["## Faults", told.map(({ kind, what }) => `- **${kind}**: ${what}`).join("\n")]),
    "## What was checked",
    `The users' own book of what they asked and were answered is held against Berth, and Berth against what stands on its backends. Left at the end: ${whole(figures.left.volumes)} volumes, ${whole(figures.left.snapshots)} snapshots.`,
    table(
      ["check", "held", "after"],
      checks.map(({ name, seconds, failure }) => [
        name,
        failure === null ? "yes" : "**NO**",
        `${seconds.toFixed(1)} s`,
      ]),
    ),
    "## Operations",
    "From the user's decision until it is done, with all that was sent again. Refused: no room while space may be counted twice, told at once, and nothing was done.",
    table(
      ["operation", "done", "refused", "failed", "median", "99 %", "worst"],
      figures.kinds.map(({ kind, done, refused, failed, latency }) => [
        kind,
        whole(done),
        whole(refused),
        whole(failed),
        ...spread(latency),
      ]),
    ),
    "The slowest:",
    table(
      ["operation", "on", "zone", "begun", "accepted after", "done after"],
      figures.slowest.map(({ kind, ids, zone, at, acceptedMs, doneMs }) => [
        kind,
        ids.join(" "),
        zone,
        at,
        time(acceptedMs),
        time(doneMs),
      ]),
    ),
    "## Kills and pauses",
    "Seconds from the blow, for those who asked after it: until a request of theirs was accepted, and until an operation of theirs was done in the zone where that took longer. The blows overlap, so one pays for another.",
    table(
      ["process", "how", "times", "away median", "worst", "accepted median", "worst", "done median", "worst"],
      figures.disturbances.map(({ process, how, count, away, untilAccepted, untilDone }) => [
        process,
        HOW[how],
        whole(count),
        ...medianAndWorst(away),
        ...medianAndWorst(untilAccepted),
        ...medianAndWorst(untilDone),
      ]),
    ),
    `Crash points reached: ${[...new Set(figures.disturbances.flatMap(({ points }) => points))].sort().join(", ") || "none"}.`,
    "## Memory",
    "Resident, at the beginning and at the end, and the most that the last life of the process had.",
    table(
      ["process", "begin", "end", "most"],
      figures.memory.map(({ name, begin, end }) => [
        name,
        megabytes(begin.nowBytes),
        megabytes(end.nowBytes),
        megabytes(end.peakBytes),
      ]),
    ),
    `Again: \`npm run soak -- --seed ${figures.seed} --ledger ${figures.ledger}\` (the same choices; the moments are the machine's).`,
  ].join("\n\n")}\n`;
}

const HOW: Readonly<Record<Disturbance["how"], string>> = {
  kill: "kill -9",
  pause: "SIGSTOP, SIGCONT",
  "crash-point": "at a crash point",
  everything: "all at once",
};

function groupsOf(disturbances: readonly Disturbance[]) {
  const groups = Map.groupBy(disturbances, ({ process, how }) => `${process} ${how}`);
  return [...groups.values()]
    .flatMap((all) => all.slice(0, 1).map(({ process, how }) => ({ process, how, all })))
    .sort((a, b) => `${a.process} ${a.how}`.localeCompare(`${b.process} ${b.how}`));
}

function count({ disturbances }: Figures): number {
  return disturbances.reduce((sum, group) => sum + group.count, 0);
}

function machine(): string {
  const model = cpus()[0]?.model ?? "processor";
  return `${cpus().length} × ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`;
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(titles), line(titles.map(() => "---")), ...rows.map(line)].join("\n");
}

function spread(found: Spread | null): string[] {
  return found === null ? ["", "", ""] : [found.medianMs, found.p99Ms, found.worstMs].map(time);
}

function medianAndWorst(found: Spread | null): string[] {
  return found === null ? ["", ""] : [found.medianMs, found.worstMs].map((ms) => (ms / 1000).toFixed(2));
}

function time(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function whole(value: number): string {
  return value.toLocaleString("en");
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
