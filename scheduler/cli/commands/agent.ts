import type { AgentView } from "#scheduler/api/operator/schemas.ts";
import { formatDuration } from "#shared/units.ts";
import { command } from "../command.ts";
import { stateTone } from "../output/style.ts";
import type { Column } from "../output/table.ts";

export const AGENT_COLUMNS: readonly Column<AgentView>[] = [
  { title: "agent", cell: ({ id }) => ({ text: id, tone: "strong" }) },
  { title: "zone", cell: ({ zone }) => zone },
  { title: "state", cell: ({ state }) => ({ text: state, tone: stateTone(state) }) },
  { title: "last seen", align: "right", cell: ({ lastSeenAgeMs }) => `${formatDuration(lastSeenAgeMs)} ago` },
  { title: "jobs", align: "right", cell: ({ jobsInHand }) => String(jobsInHand) },
  { title: "host", cell: ({ host }) => host },
  { title: "pid", align: "right", cell: ({ pid }) => String(pid) },
  { title: "backends", wrap: true, cell: backendsText },
];

function backendsText({ backends }: AgentView): string {
  const open = backends.filter(({ state }) => state === "open").length;
  const others = backends
    .filter(({ state }) => state !== "open")
    .map(({ id, name, state, error }) => `${name ?? id} ${state}${error === null ? "" : `: ${error.message}`}`);
  return [`${open} of ${backends.length} open`, ...others].join("; ");
}

const list = command({
  usage: "list",
  summary: "The agents: whether each is up, when it was last heard, what it has open",
  examples: [
    ["agent list", "All agents"],
    ["agent list --zone north --json", "Those of one zone, for a program"],
  ],
  build: (yargs) => yargs.option("zone", { type: "string", requiresArg: true, describe: "Only of this zone" }),
  run: async ({ zone }, { client, output }) => {
    const answer = await client.get(client.operatorPath("agents"), (a) => a.AgentList);
    const agents = zone === undefined ? answer.agents : answer.agents.filter((agent) => agent.zone === zone);
    if (agents.length === 0) output.remark("No agent has been heard of.");
    output.result({
      json: { agents },
      ids: agents.map(({ id }) => id),
      text: () => (agents.length === 0 ? "" : output.table(AGENT_COLUMNS, agents)),
    });
  },
});

export const commands = [list];
