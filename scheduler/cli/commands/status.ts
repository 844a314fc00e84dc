import type { HealthView } from "#scheduler/api/operator/schemas.ts";
import { command } from "../command.ts";
import { BACKEND_COLUMNS } from "../output/backend-text.ts";
import { stateTone } from "../output/style.ts";
import { AGENT_COLUMNS } from "./agent.ts";
import { ZONE_COLUMNS } from "./zone.ts";

const status = command({
  usage: "status",
  summary: "The health of everything in one view: scheduler and ledger, zones, agents, backends",
  examples: [
    ["status", "Is all well?"],
    ["status --json", "The same for a program"],
  ],
  build: (yargs) => yargs,
  run: async (_args, { client, output }) => {
    const [health, { zones }, { agents }, { backends }] = await Promise.all([
      client.get(client.operatorPath("health"), (a) => a.HealthView),
      client.get(client.operatorPath("zones"), (a) => a.ZoneList),
      client.get(client.operatorPath("agents"), (a) => a.AgentList),
      client.get(client.operatorPath("backends"), (a) => a.BackendList),
    ]);
    const agentsInAll = health.agentsUp + health.agentsDown;
    output.result({
      json: { health, zones, agents, backends },
      ids: [health.status],
      text: () =>
        output.fields([
          ["status", { text: health.status, tone: stateTone(health.status) }],
          ["scheduler", `${health.schedulerId}, version ${health.version}, at ${client.baseUrl}`],
          ["ledger", `commit ${health.ledgerSeq}${standing(health)}`],
          ...(health.catalogueProblem === null
            ? []
            : [["catalogue", { text: health.catalogueProblem, tone: "bad" }] as const]),
          ["agents", `${health.agentsUp} of ${agentsInAll} up`],
          ["backends", `${health.backendsUp} of ${health.backendsTotal} up`],
        ]) +
        section("Zones", zones.length === 0 ? "" : output.table(ZONE_COLUMNS, zones)) +
        section("Agents", agents.length === 0 ? "" : output.table(AGENT_COLUMNS, agents)) +
        section("Backends", backends.length === 0 ? "" : output.table(BACKEND_COLUMNS, backends)),
    });

    function section(title: string, table: string): string {
      return `\n${output.heading(title)}${table === "" ? "none\n" : table}`;
    }
  },
});

/** Of several schedulers: what the one that answers is. */
function standing({ role, leaderUrl, lagCommits }: HealthView): string {
  if (leaderUrl === null) return "";
  if (role === "leader") return ", leading";
  return `, a standby ${lagCommits} ${lagCommits === 1 ? "commit" : "commits"} behind ${leaderUrl}`;
}

export const commands = [status];
