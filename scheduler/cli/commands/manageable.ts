import type { Static } from "typebox";
import type { ManageablePage } from "../answers.ts";
import { command } from "../command.ts";
import type { Column } from "../output/table.ts";
import { backend as resolveBackend } from "../resolve.ts";

type Manageable = Static<typeof ManageablePage>["manageable-volumes"][number];

const PAGE_SIZE = 1000;
/** An agent looks at each. */
const DEADLINE_MS = 120_000;

const COLUMNS: readonly Column<Manageable>[] = [
  { title: "reference", whole: true, cell: ({ reference }) => ({ text: reference["source-name"], tone: "strong" }) },
  { title: "size", align: "right", cell: ({ size }) => (size === null ? "-" : `${size} GiB`) },
  { title: "can be managed", cell: ({ safe_to_manage }) => (safe_to_manage ? "yes" : "no") },
  { title: "why not", cell: ({ reason_not_safe }) => reason_not_safe ?? "-" },
  { title: "volume", cell: ({ cinder_id }) => cinder_id ?? "-" },
];

const list = command({
  usage: "list <backend>",
  summary: "What stands on a backend: what others made and could be managed, and what is managed already",
  examples: [
    ["manageable list nvme-1", "By the backend's name or id"],
    ["manageable list nvme-1 --only-safe --quiet", "The references alone of what can be managed"],
  ],
  build: (yargs) =>
    yargs
      .positional("backend", { type: "string", demandOption: true, describe: "Id or name" })
      .option("only-safe", { type: "boolean", describe: "Only what can be managed" }),
  run: async ({ backend: wanted, onlySafe }, session) => {
    const { client, output } = session;
    const { id, name } = await resolveBackend(session, wanted);
    const found: Manageable[] = [];
    for (let full = true; full; ) {
      const path = client.volumesPath("manageable_volumes", "detail");
      const query = { host: String(id), sort: "reference:asc", limit: PAGE_SIZE, offset: found.length };
      const page = await client.get(path, (a) => a.ManageablePage, { query, deadlineMs: DEADLINE_MS });
      found.push(...page["manageable-volumes"]);
      full = page["manageable-volumes"].length === PAGE_SIZE;
    }
    const manageable = onlySafe ? found.filter(({ safe_to_manage }) => safe_to_manage) : found;
    output.result({
      json: { manageable },
      ids: manageable.map(({ reference }) => reference["source-name"]),
      text: () => (manageable.length === 0 ? "" : output.table(COLUMNS, manageable)),
    });
    const first = manageable.find(({ safe_to_manage }) => safe_to_manage);
    output.remark(
      first === undefined
        ? `Backend ${name} has nothing that could be managed.`
        : `Next: berth volume manage ${id} ${JSON.stringify(first.reference["source-name"])} --flavor FLAVOR`,
    );
  },
});

export const commands = [list];
