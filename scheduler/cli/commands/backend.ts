import type { BackendView } from "#scheduler/api/operator/schemas.ts";
import { parseSettings, SETTING_NAMES } from "../backend-settings.ts";
import { command, declare } from "../command.ts";
import { usageFailure } from "../failure.ts";
import { parseKeyValues, parseTargets, parseWholeNumber } from "../key-value.ts";
import { BACKEND_COLUMNS, backendText } from "../output/backend-text.ts";
import { backend as findBackend } from "../resolve.ts";
import type { Session } from "../session.ts";
import { EVACUATION_OPTIONS, evacuate, evacuation } from "./backend-evacuation.ts";
import { commands as failoverCommands } from "./backend-failover.ts";
import { types } from "./backend-types.ts";

const ID = { type: "string", demandOption: true, describe: "Id or name" } as const;

const TARGET = {
  type: "string",
  array: true,
  requiresArg: true,
  describe: "name=dr,key=value,…: a system that mirrors it; may be given again",
} as const;

function showBackend({ output }: Session, backend: BackendView): void {
  output.result({ json: { backend }, ids: [backend.id], text: () => backendText(output, backend) });
}

export const backendList = declare({
  usage: "list",
  summary: "The backends: admission, health, what is available, how old the report is",
  examples: [
    ["backend list", "All backends"],
    ["backend list --zone north --flavor gold", "Some of them"],
  ],
  build: (yargs) =>
    yargs
      .option("zone", { type: "string", requiresArg: true, describe: "Only in this zone" })
      .option("flavor", { type: "string", requiresArg: true, describe: "Only behind this flavor" }),
  run: async ({ zone, flavor }, { client, output }) => {
    const answer = await client.get(client.operatorPath("backends"), (a) => a.BackendList);
    const backends = answer.backends.filter(
      (backend) =>
        (zone === undefined || backend.zone === zone) && (flavor === undefined || backend.flavors.includes(flavor)),
    );
    if (backends.length === 0)
      output.remark("There is no such backend. Next: berth backend add FLAVOR TYPE key=value…");
    output.result({
      json: { backends },
      ids: backends.map(({ id }) => id),
      text: () => (backends.length === 0 ? "" : output.table(BACKEND_COLUMNS, backends)),
    });
  },
});

export const backendAdd = declare({
  usage: "add <flavor> <type> [parameters..]",
  summary: "Declare a backend and put it last behind a flavor",
  examples: [
    ["backend add gold file path=/srv/gold capacity_gib=500 --zone north", "Image files in a folder"],
    [
      "backend add gold nfs name_label=toybox server=myserver serverpath=/local/scratch/me",
      "As on the Xen command line",
    ],
    ["backend add --no-flavor fake capacity_gib=100 --zone north", "Behind no flavor yet"],
  ],
  build: (yargs) =>
    yargs
      .positional("flavor", { type: "string", demandOption: true, describe: "The flavor it is to stand behind" })
      .positional("type", {
        type: "string",
        demandOption: true,
        describe: "Driver or SR type; see `berth backend types`",
      })
      .positional("parameters", {
        type: "string",
        array: true,
        describe: "key=value: the type's parameters and the common settings; secrets as file:/path or env:NAME",
      })
      .option("zone", { type: "string", requiresArg: true, describe: "Zone; not needed if there is but one" })
      .option("name", { type: "string", requiresArg: true, describe: "Name; else it is made of zone, type and id" })
      .option("host", { type: "string", requiresArg: true, describe: "The only host that reaches it" })
      .option("replication-target", TARGET)
      .option("no-flavor", { type: "boolean", describe: "No flavor: the words begin with the type" }),
  run: async (args, session) => {
    const { client, output } = session;
    const [flavor, driver, ...words] = [
      ...(args.noFlavor ? [null] : []),
      args.flavor,
      args.type,
      ...(args.parameters ?? []),
    ];
    const body = {
      flavor: flavor ?? null,
      driver: driver ?? "",
      zone: args.zone ?? null,
      name: args.name ?? null,
      host: args.host ?? null,
      parameters: parseKeyValues(words.map(String), "parameter"),
      ...(args.replicationTarget === undefined ? {} : { replicationTargets: parseTargets(args.replicationTarget) }),
    };
    const { backend } = await client.ask("POST", client.operatorPath("backends"), body, (a) => a.BackendAnswer);
    showBackend(session, backend);
    output.remark(`Next: berth backend show ${backend.id} --refresh`);
  },
});

export const backendRemove = declare({
  usage: "remove <id>",
  aliases: ["delete"],
  summary: "Take a backend out of the catalogue and of all flavors; refused while anything is on it",
  examples: [
    ["backend remove 1", "Refused, with what is on it, or gone"],
    ["backend delete north-file-1", "The same, by its name"],
  ],
  build: (yargs) => yargs.positional("id", ID),
  run: async ({ id }, session) => {
    const { client, output } = session;
    const backend = await findBackend(session, id);
    await client.tell("DELETE", client.operatorPath("backends", String(backend.id)));
    output.result({
      json: { deleted: backend.id },
      ids: [backend.id],
      text: () => `Backend ${backend.id} (${backend.name}) is removed.\n`,
    });
  },
});

const show = command({
  usage: "show <id>",
  summary: "One backend: health, capacity, report, parameters (secrets hidden), settings",
  examples: [
    ["backend show north-gold-1", "As last reported"],
    ["backend show 1 --refresh", "Measure now"],
  ],
  build: (yargs) =>
    yargs.positional("id", ID).option("refresh", { type: "boolean", describe: "Let an agent measure first" }),
  run: async ({ id, refresh }, session) => {
    const { client } = session;
    const found = await findBackend(session, id);
    if (!refresh) return showBackend(session, found);
    const path = client.operatorPath("backends", String(found.id));
    const options = { query: { refresh: "true" }, deadlineMs: 60_000 };
    showBackend(session, (await client.get(path, (a) => a.BackendAnswer, options)).backend);
  },
});

const enable = command({
  usage: "enable <id>",
  summary: "Let new volumes be placed on it",
  examples: [["backend enable 1", "After `disable` or `drain`"]],
  build: (yargs) => yargs.positional("id", ID),
  run: ({ id }, session) => setAdmission(session, id, { state: "enabled" }),
});

const disable = command({
  usage: "disable <id>",
  summary: "No new volumes; what is there is served on",
  examples: [['backend disable 1 --reason "firmware update"', "The reason is shown wherever it matters"]],
  build: (yargs) =>
    yargs
      .positional("id", ID)
      .option("reason", { type: "string", demandOption: true, requiresArg: true, describe: "Why" }),
  run: ({ id, reason }, session) => setAdmission(session, id, { state: "disabled", reason }),
});

const drain = command({
  usage: "drain <id>",
  summary: "Nothing new at all: it is to become empty; what is there is served on",
  examples: [
    ['backend drain 1 --reason "to be replaced"', "The reason is shown wherever it matters"],
    ['backend drain 1 --reason "to be replaced" --migrate --wait', "And every volume is moved away, two at once"],
  ],
  build: (yargs) =>
    yargs
      .positional("id", ID)
      .option("reason", { type: "string", demandOption: true, requiresArg: true, describe: "Why" })
      .options(EVACUATION_OPTIONS),
  run: async ({ id, reason, migrate = false, atOnce, bandwidth, wait, timeout }, session) => {
    if (!migrate && (atOnce !== undefined || bandwidth !== undefined || wait))
      throw usageFailure("--at-once, --bandwidth and --wait go with --migrate");
    const backend = await admit(session, id, { state: "draining", reason });
    if (migrate) await evacuate(session, backend.id, { atOnce, bandwidth, wait, timeout });
    else showBackend(session, backend);
  },
});

async function setAdmission(session: Session, id: string, admission: BackendView["admission"]): Promise<void> {
  showBackend(session, await admit(session, id, admission));
}

async function admit(session: Session, id: string, admission: BackendView["admission"]): Promise<BackendView> {
  const { client } = session;
  const path = client.operatorPath("backends", String((await findBackend(session, id)).id), "admission");
  return (await client.ask("PUT", path, admission, (a) => a.BackendAnswer)).backend;
}

const join = command({
  usage: "join <id> <flavor>",
  summary: "Put a backend behind a flavor, or move it there in the first-fit order",
  examples: [
    ["backend join 3 silver", "Asked last"],
    ["backend join 3 silver --position 0", "Asked first"],
  ],
  build: (yargs) =>
    yargs.positional("id", ID).positional("flavor", { type: "string", demandOption: true }).option("position", {
      type: "string",
      requiresArg: true,
      describe: "Its place in the order, 0 is first; else last",
    }),
  run: async ({ id, flavor, position }, session) => {
    const { client } = session;
    const path = client.operatorPath("backends", String((await findBackend(session, id)).id), "flavors", flavor);
    const body = position === undefined ? {} : { position: parseWholeNumber(position, "--position") };
    await client.tell("PUT", path, body);
    showBackend(session, await findBackend(session, id));
  },
});

const leave = command({
  usage: "leave <id> <flavor>",
  summary: "Take a backend out of a flavor; volumes that are there stay",
  examples: [["backend leave 3 silver", "No new silver volumes there"]],
  build: (yargs) => yargs.positional("id", ID).positional("flavor", { type: "string", demandOption: true }),
  run: async ({ id, flavor }, session) => {
    const { client } = session;
    await client.tell(
      "DELETE",
      client.operatorPath("backends", String((await findBackend(session, id)).id), "flavors", flavor),
    );
    showBackend(session, await findBackend(session, id));
  },
});

const set = command({
  usage: "set <id> [settings..]",
  summary: `Change common settings: ${SETTING_NAMES.join(", ")}, and property:NAME`,
  examples: [
    ["backend set 1 reserved_percentage=5 max_concurrent=8", "Two settings at once"],
    ["backend set 1 report_max_age_s=default", "Back to the scheduler's own"],
    ["backend set 1 property:tier=hot property:compression=true", "What flavors may ask for"],
    ["backend set 1 property:tier=", "Said no longer"],
    ["backend set 1 --replication-target name=dr,state_path=/srv/dr", "The whole list of what mirrors it"],
  ],
  build: (yargs) =>
    yargs
      .positional("id", ID)
      .positional("settings", { type: "string", array: true, describe: "key=value" })
      .option("replication-target", TARGET)
      .option("no-targets", { type: "boolean", describe: "Mirrored no longer" }),
  run: async ({ id, settings = [], replicationTarget, noTargets }, session) => {
    const { client } = session;
    const found = await findBackend(session, id);
    const targets = noTargets ? [] : replicationTarget === undefined ? undefined : parseTargets(replicationTarget);
    const body = {
      settings: parseSettings(parseKeyValues(settings, "setting"), found.settings.properties),
      ...(targets === undefined ? {} : { replicationTargets: targets }),
    };
    if (Object.keys(body.settings).length === 0 && targets === undefined)
      throw usageFailure("there is no setting to change");
    const path = client.operatorPath("backends", String(found.id));
    showBackend(session, (await client.ask("PATCH", path, body, (a) => a.BackendAnswer)).backend);
  },
});

export const commands = [
  command(backendList),
  show,
  command(backendAdd),
  command(backendRemove),
  enable,
  disable,
  drain,
  evacuation,
  join,
  leave,
  set,
  ...failoverCommands,
  types,
];
