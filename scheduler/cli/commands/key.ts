import { keyLine } from "#shared/key-ring.ts";
import { SealingKey } from "#shared/sealed.ts";
import type { KeysAnswer } from "../../api/operator/connection-schemas.ts";
import { command } from "../command.ts";
import type { Session } from "../session.ts";

/** A rotation reads and writes every secret of the ledger. */
const DEADLINE_MS = 600_000;

const generate = command({
  usage: "generate",
  summary: "Print a new key for the key file; it is kept nowhere",
  examples: [["key generate", "Put it as the first line into the key file of all schedulers and agents"]],
  build: (yargs) => yargs,
  run: async (_args, { output }) => {
    const bytes = SealingKey.generate();
    const { id } = new SealingKey(bytes);
    const key = keyLine(bytes);
    output.result({ json: { id, key }, ids: [key], text: () => `${key} # ${id}\n` });
    output.remark("Next: make it the first line of each key file, before the old one; then berth key rotate");
  },
});

const show = command({
  usage: "show",
  summary: "Which keys the scheduler knows, and how many secrets are sealed with each",
  examples: [["key show", "As it is now"]],
  build: (yargs) => yargs,
  run: async (_args, session) => {
    const { client } = session;
    const keys = await client.get(client.operatorPath("keys"), (a) => a.KeysAnswer);
    tell(session, keys, []);
  },
});

const rotate = command({
  usage: "rotate",
  summary: "Seal all secrets with the newest key, the first of the key file; say what is left",
  examples: [["key rotate", "Again, if it was broken off: it goes on"]],
  build: (yargs) => yargs,
  run: async (_args, session) => {
    const { client } = session;
    const path = client.operatorPath("keys", "rotate");
    const keys = await client.ask("POST", path, {}, (a) => a.RotateAnswer, { deadlineMs: DEADLINE_MS });
    tell(session, keys, [["sealed anew", String(keys.resealed)]]);
    const left = keys.secrets.filter(({ key }) => key !== keys.sealsWith);
    if (left.length > 0)
      session.output.remark(
        "Some secrets are in the hands of agents, or of a key that is not known. Again in a moment.",
      );
    else if (keys.removable.length > 0)
      session.output.remark(`Next: remove ${keys.removable.join(", ")} from the key files, the agents' last.`);
  },
});

function tell({ output }: Session, keys: KeysAnswer, more: readonly (readonly [string, string])[]): void {
  output.result({
    json: keys,
    ids: [...keys.known],
    text: () =>
      output.fields([
        ["seals with", keys.sealsWith],
        ["known", keys.known.join(", ")],
        ...more,
        ...keys.secrets.map(({ key, count }) => [`sealed with ${key}`, String(count)] as const),
        ["can be removed", keys.removable.length === 0 ? null : keys.removable.join(", ")],
      ]),
  });
}

export const commands = [generate, show, rotate];
