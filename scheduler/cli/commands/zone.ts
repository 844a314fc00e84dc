import type { ZoneView } from "#scheduler/api/operator/schemas.ts";
import { ZoneSettings } from "#shared/drivers/zone-settings.ts";
import { command } from "../command.ts";
import { usageFailure } from "../failure.ts";
import { parseKeyValues } from "../key-value.ts";
import type { Column } from "../output/table.ts";

export const ZONE_COLUMNS: readonly Column<ZoneView>[] = [
  { title: "name", cell: ({ name }) => ({ text: name, tone: "strong" }) },
  {
    title: "agents up",
    align: "right",
    cell: ({ agentsUp }) => ({ text: String(agentsUp), tone: agentsUp > 0 ? "good" : "bad" }),
  },
  { title: "backends", align: "right", cell: ({ backends }) => String(backends) },
  { title: "volumes", align: "right", cell: ({ volumes }) => String(volumes) },
  { title: "description", wrap: true, cell: ({ description }) => description },
];

const list = command({
  usage: "list",
  summary: "The zones, with what is in each",
  examples: [["zone list", "All zones"]],
  build: (yargs) => yargs,
  run: async (_args, { client, output }) => {
    const { zones } = await client.get(client.operatorPath("zones"), (a) => a.ZoneList);
    if (zones.length === 0) output.remark("There is no zone yet. Next: berth zone create NAME");
    output.result({
      json: { zones },
      ids: zones.map(({ name }) => name),
      text: () => (zones.length === 0 ? "" : output.table(ZONE_COLUMNS, zones)),
    });
  },
});

const create = command({
  usage: "create <name> [description]",
  summary: "Declare a zone; its agents are started with the same name",
  examples: [['zone create north "First machine room"', "A zone with a description"]],
  build: (yargs) =>
    yargs
      .positional("name", { type: "string", demandOption: true, describe: "Lower-case letters, digits and hyphens" })
      .positional("description", { type: "string", default: "" }),
  run: async ({ name, description }, { client, output }) => {
    const { zone } = await client.ask("POST", client.operatorPath("zones"), { name, description }, (a) => a.ZoneAnswer);
    output.result({ json: { zone }, ids: [zone.name], text: () => output.table(ZONE_COLUMNS, [zone]) });
    output.remark(`Next: start an agent with BERTH_ZONE=${zone.name}`);
  },
});

const set = command({
  usage: "set <name> [settings..]",
  summary: `Say what the zone's backends share: ${Object.keys(ZoneSettings.properties).join(", ")}`,
  examples: [
    [
      "zone set north xenapi_url=https://xen1 xenapi_user=root xenapi_password=file:/etc/berth/xen",
      "Its Xen pool, for the SR types (nfs, lvm, …)",
    ],
    ["zone set north xenapi_ca_file=", "Said no longer"],
  ],
  build: (yargs) =>
    yargs.positional("name", { type: "string", demandOption: true }).positional("settings", {
      type: "string",
      array: true,
      describe: "key=value; secrets as file:/path or env:NAME",
    }),
  run: async ({ name, settings: words = [] }, { client, output }) => {
    const given = Object.entries(parseKeyValues(words, "setting"));
    if (given.length === 0) throw usageFailure("there is no setting to change");
    const settings = Object.fromEntries(given.map(([key, value]) => [key, value === "" ? null : value]));
    const { zone } = await client.ask("PATCH", client.operatorPath("zones", name), { settings }, (a) => a.ZoneAnswer);
    output.result({
      json: { zone },
      ids: [zone.name],
      text: () =>
        Object.entries(zone.settings ?? {})
          .map(([key, value]) => `${key}=${value}\n`)
          .join(""),
    });
  },
});

const remove = command({
  usage: "delete <name>",
  aliases: ["remove"],
  summary: "Take a zone out of the catalogue; refused while backends or volumes are in it",
  examples: [["zone delete north", "Refused, with what is in it, or gone"]],
  build: (yargs) => yargs.positional("name", { type: "string", demandOption: true }),
  run: async ({ name }, { client, output }) => {
    await client.tell("DELETE", client.operatorPath("zones", name));
    output.result({ json: { deleted: name }, ids: [name], text: () => `Zone ${name} is deleted.\n` });
  },
});

export const commands = [list, create, set, remove];
