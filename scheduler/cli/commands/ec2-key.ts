import type { Ec2KeyView } from "#scheduler/api/operator/ec2-schemas.ts";
import { command } from "../command.ts";
import type { Column } from "../output/table.ts";
import { instantText } from "../views.ts";

const ROLES = ["admin", "member", "reader"] as const;

const COLUMNS: readonly Column<Ec2KeyView>[] = [
  { title: "access key", cell: ({ accessKeyId }) => ({ text: accessKeyId, tone: "strong" }) },
  { title: "project", cell: ({ projectId }) => projectId },
  { title: "user", cell: ({ userId }) => userId },
  { title: "role", cell: ({ role }) => role },
  { title: "created", cell: ({ createdAtMs }) => instantText(new Date(createdAtMs).toISOString()) },
];

const create = command({
  usage: "create",
  summary: "Make a key by which EC2 clients ask for one project; its secret is printed now and never again",
  examples: [
    ["ec2-key create --project acme", "Then: AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… aws ec2 describe-volumes"],
    ["ec2-key create --project acme --user backup --role reader", "One that may look and change nothing"],
  ],
  build: (yargs) =>
    yargs
      .option("user", { type: "string", requiresArg: true, describe: "Who asks, in histories and logs; else ec2" })
      .option("role", {
        choices: ROLES,
        default: "member" as const,
        describe: "reader: looks only; admin: as member, for EC2 knows nothing beyond the project",
      }),
  run: async ({ user, role }, { client, output }) => {
    const body = { projectId: client.project, role, ...(user === undefined ? {} : { userId: user }) };
    const path = client.operatorPath("ec2-keys");
    const { ec2Key, secretAccessKey } = await client.ask("POST", path, body, (a) => a.Ec2KeyMade);
    output.result({
      json: { ec2Key, secretAccessKey },
      ids: [ec2Key.accessKeyId, secretAccessKey],
      text: () =>
        output.fields([
          ["access key", { text: ec2Key.accessKeyId, tone: "strong" }],
          ["secret", secretAccessKey],
          ["project", ec2Key.projectId],
          ["user", ec2Key.userId],
          ["role", ec2Key.role],
        ]),
    });
    output.remark(
      `The secret is not told again. Next: aws ec2 --endpoint-url ${client.baseUrl} --region berth describe-volumes`,
    );
  },
});

const list = command({
  usage: "list",
  summary: "The keys that there are, of all projects",
  examples: [["ec2-key list", "Who may ask by the EC2 API?"]],
  build: (yargs) => yargs,
  run: async (_args, { client, output }) => {
    const { ec2Keys } = await client.get(client.operatorPath("ec2-keys"), (a) => a.Ec2KeyList);
    if (ec2Keys.length === 0) output.remark("There is no key yet. Next: berth ec2-key create --project PROJECT");
    output.result({
      json: { ec2Keys },
      ids: ec2Keys.map(({ accessKeyId }) => accessKeyId),
      text: () => (ec2Keys.length === 0 ? "" : output.table(COLUMNS, ec2Keys)),
    });
  },
});

const remove = command({
  usage: "delete <key>",
  aliases: ["remove"],
  summary: "Take a key away: what is signed with it is refused from then on",
  examples: [["ec2-key delete KPQZ7WJ3MZRT5A2X6ANC", "At once"]],
  build: (yargs) => yargs.positional("key", { type: "string", demandOption: true, describe: "The access key" }),
  run: async ({ key }, { client, output }) => {
    await client.tell("DELETE", client.operatorPath("ec2-keys", key));
    output.result({ json: { deleted: key }, ids: [key], text: () => `EC2 key ${key} is deleted.\n` });
  },
});

export const commands = [create, list, remove];
