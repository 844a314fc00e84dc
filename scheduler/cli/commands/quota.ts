import type { QuotaLineView, QuotaView } from "#scheduler/api/operator/schemas.ts";
import { command } from "../command.ts";
import { usageFailure } from "../failure.ts";
import { parseKeyValues, parseWholeNumber } from "../key-value.ts";
import type { Column } from "../output/table.ts";
import type { Session } from "../session.ts";

const KINDS = ["volumes", "snapshots", "gib"] as const;
/** Those that no flavor has. */
const WHOLE_KINDS = ["groups", "perVolumeGib"] as const;
type Kind = (typeof KINDS)[number] | (typeof WHOLE_KINDS)[number];
const UNLIMITED = -1;
const UNLIMITED_WORD = "unlimited";
const KEYS = "volumes, snapshots, gib, groups, perVolumeGib, and the first three of a flavor: volumes:gold, gib:gold";

/** A limit's place: `gib`, or `gib:gold` for one flavor alone. */
interface Key {
  readonly kind: Kind;
  readonly flavor: string | null;
}

type Limits = Partial<Record<Kind, number | null>>;

const COLUMNS: readonly Column<QuotaLineView>[] = [
  { title: "limit on", cell: (line) => ({ text: keyText(line), tone: "strong" }) },
  { title: "used", align: "right", cell: (line) => (isPerVolume(line) ? "-" : String(line.used)) },
  { title: "limit", align: "right", cell: ({ limit }) => limitText(limit) },
  { title: "left", align: "right", cell: leftCell },
];

const LIST_COLUMNS: readonly Column<QuotaView>[] = [
  { title: "project", cell: ({ project }) => ({ text: project, tone: "strong" }) },
  ...KINDS.map(
    (kind): Column<QuotaView> => ({
      title: kind,
      align: "right",
      cell: ({ limits }) => {
        const line = limits.find((one) => one.kind === kind && one.flavor === null);
        return line === undefined ? "-" : `${line.used} of ${limitText(line.limit)}`;
      },
    }),
  ),
];

function leftCell(line: QuotaLineView) {
  const { limit, used } = line;
  if (limit === UNLIMITED || isPerVolume(line)) return { text: "-", tone: "quiet" } as const;
  return { text: String(Math.max(0, limit - used)), tone: used < limit ? "good" : "bad" } as const;
}

/** Each volume may be so large: nothing of it is used up. */
function isPerVolume({ kind }: QuotaLineView): boolean {
  return kind === "perVolumeGib";
}

function keyText({ kind, flavor }: Key): string {
  return flavor === null ? kind : `${kind}:${flavor}`;
}

function limitText(limit: number): string {
  return limit === UNLIMITED ? UNLIMITED_WORD : String(limit);
}

function readKey(text: string): Key {
  const [word = "", flavor = null, ...more] = text.split(":");
  const kind = [...KINDS, ...(flavor === null ? WHOLE_KINDS : [])].find((known) => known === word);
  if (kind === undefined || flavor === "" || more.length > 0)
    throw usageFailure(`${JSON.stringify(text)} is not a limit`, `Limits are ${KEYS}.`);
  return { kind, flavor };
}

function readLimit(text: string, key: string): number {
  return text === UNLIMITED_WORD ? UNLIMITED : parseWholeNumber(text, key);
}

/** The body that sets (or, with null, takes away) each. */
function changeOf(entries: readonly (readonly [Key, number | null])[]): object {
  const all: Limits = {};
  const flavors = new Map<string, Limits>();
  for (const [{ kind, flavor }, limit] of entries) {
    if (flavor === null) all[kind] = limit;
    else flavors.set(flavor, { ...flavors.get(flavor), [kind]: limit });
  }
  return flavors.size === 0 ? all : { ...all, flavors: Object.fromEntries(flavors) };
}

async function showProject(session: Session, project: string): Promise<void> {
  const { client, output } = session;
  const { quota } = await client.get(client.operatorPath("quotas", project), (a) => a.QuotaAnswer);
  showQuota(session, quota);
  if (quota.limits.every(({ limit }) => limit === UNLIMITED))
    output.remark(`Nothing is limited. Next: berth quota set ${project} volumes=10 gib=500`);
}

function showQuota({ output }: Session, quota: QuotaView): void {
  output.result({ json: { quota }, ids: [quota.project], text: () => output.table(COLUMNS, quota.limits) });
}

async function showDefault(session: Session): Promise<void> {
  const { client } = session;
  tellDefault(session, (await client.get(client.operatorPath("default-quota"), (a) => a.DefaultQuotaAnswer)).default);
}

type DefaultQuota = Limits & { readonly flavors?: Readonly<Record<string, Limits>> };

function tellDefault({ output }: Session, quota: DefaultQuota): void {
  const lines = [[null, quota] as const, ...Object.entries(quota.flavors ?? {})].flatMap(([flavor, limits]) =>
    [...KINDS, ...WHOLE_KINDS].flatMap((kind) => {
      const limit = limits[kind];
      return typeof limit === "number" ? [[keyText({ kind, flavor }), limitText(limit)] as const] : [];
    }),
  );
  output.result({
    json: { default: quota },
    ids: lines.map(([key, limit]) => `${key}=${limit}`),
    text: () => (lines.length === 0 ? "No project is limited by default.\n" : output.fields(lines)),
  });
}

const list = command({
  usage: "list",
  summary: "The projects that have a quota or anything at all, with what they use",
  examples: [["quota list", "Who has how much?"]],
  build: (yargs) => yargs,
  run: async (_args, { client, output }) => {
    const { default: byDefault, quotas } = await client.get(client.operatorPath("quotas"), (a) => a.QuotaList);
    if (quotas.length === 0)
      output.remark("No project has anything, or a quota. Next: berth quota set PROJECT gib=500");
    output.result({
      json: { default: byDefault, quotas },
      ids: quotas.map(({ project }) => project),
      text: () => (quotas.length === 0 ? "" : output.table(LIST_COLUMNS, quotas)),
    });
  },
});

const show = command({
  usage: "show [project]",
  summary: "What a project may have and what it has, in all and of each flavor",
  examples: [
    ["quota show acme", "How much is left for acme?"],
    ["quota show", "For this project"],
    ["quota show --default", "What holds for projects without limits of their own"],
  ],
  build: (yargs) =>
    yargs
      .positional("project", { type: "string", describe: "Project; else that of --project" })
      .option("default", { type: "boolean", describe: "The limits of projects that have none of their own" }),
  run: async (args, session) => {
    if (args.default !== true) return showProject(session, args.project ?? ownProject(session));
    await showDefault(session);
  },
});

const set = command({
  usage: "set <words..>",
  summary: "Limit what a project may have; what is not named stays. What is there already stays, too",
  examples: [
    ["quota set acme volumes=10 gib=500", "Ten volumes, and 500 GiB of volumes and snapshots together"],
    ["quota set acme gib:gold=100 snapshots:gold=0", "Of flavor gold 100 GiB at most, and no snapshots"],
    ["quota set acme volumes=unlimited", "No limit, whatever the default is"],
    ["quota set --default gib=1000", "For every project that has no such limit of its own"],
  ],
  build: (yargs) =>
    yargs
      .positional("words", {
        type: "string",
        array: true,
        demandOption: true,
        describe: `[project] key=value…; keys: ${KEYS}`,
      })
      .option("default", { type: "boolean", describe: "The limits of projects that have none of their own" }),
  run: async (args, session) => {
    const { project, rest } = divided(args.words, args.default === true);
    const pairs = Object.entries(parseKeyValues(rest, "limit"));
    if (pairs.length === 0) throw usageFailure("no limit is given", `Give key=value; keys are ${KEYS}.`);
    await change(session, project, changeOf(pairs.map(([key, text]) => [readKey(key), readLimit(text, key)])));
  },
});

const unset = command({
  usage: "unset [words..]",
  summary: "Take limits away, all or those named; then the default ones hold",
  examples: [
    ["quota unset acme", "All limits of acme"],
    ["quota unset acme gib gib:gold", "These two"],
    ["quota unset --default volumes", "No default for volumes any more"],
  ],
  build: (yargs) =>
    yargs
      .positional("words", { type: "string", array: true, describe: `project key…; keys: ${KEYS}` })
      .option("default", { type: "boolean", describe: "The limits of projects that have none of their own" }),
  run: async (args, session) => {
    const words = args.words ?? [];
    const [project, keys] = args.default === true ? [null, words] : [words[0], words.slice(1)];
    if (project === undefined) throw usageFailure("a project is needed, or --default");
    if (keys.length > 0) return change(session, project, changeOf(keys.map((key) => [readKey(key), null])));
    const { client } = session;
    await client.tell("DELETE", pathOf(session, project));
    if (project === null) tellDefault(session, {});
    else showQuota(session, (await client.get(pathOf(session, project), (a) => a.QuotaAnswer)).quota);
  },
});

/** The project stands before the limits; without one it is that of `--project`. null: the default quota. */
function divided(
  words: readonly string[],
  isDefault: boolean,
): { project: string | null | undefined; rest: readonly string[] } {
  if (isDefault) return { project: null, rest: words };
  const [first, ...rest] = words;
  return first === undefined || first.includes("=") ? { project: undefined, rest: words } : { project: first, rest };
}

async function change(session: Session, project: string | null | undefined, body: object): Promise<void> {
  const { client } = session;
  const path = pathOf(session, project);
  if (project === null)
    tellDefault(session, (await client.ask("PATCH", path, body, (a) => a.DefaultQuotaAnswer)).default);
  else showQuota(session, (await client.ask("PATCH", path, body, (a) => a.QuotaAnswer)).quota);
}

function pathOf(session: Session, project: string | null | undefined): string {
  const { client } = session;
  return project === null
    ? client.operatorPath("default-quota")
    : client.operatorPath("quotas", project ?? ownProject(session));
}

function ownProject({ client }: Session): string {
  if (client.project === null) throw usageFailure("name the project: which one the token is for is not told here");
  return client.project;
}

export const commands = [list, show, set, unset];
