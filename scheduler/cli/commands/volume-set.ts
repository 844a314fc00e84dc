import { command } from "../command.ts";
import { usageFailure } from "../failure.ts";
import { parseKeyValues } from "../key-value.ts";
import { volumeId } from "../resolve.ts";
import { readVolume, showVolume } from "../volumes.ts";
import { VOLUME } from "./wait-options.ts";

export const set = command({
  usage: "set <volume>",
  summary: "Change what is said of a volume: its name, description and metadata, bootable, read-only",
  examples: [
    ["volume set data --name database --metadata tier=1", "Other metadata stay as they are"],
    ["volume set data --read-only", "Hosts that are connected from now on can only read; --no-read-only takes it back"],
    ["volume set data --bootable", "Machines may boot from it"],
  ],
  build: (yargs) =>
    yargs
      .positional("volume", VOLUME)
      .option("name", { type: "string", requiresArg: true, describe: "Name, for people" })
      .option("description", { type: "string", requiresArg: true, describe: "Description, for people" })
      .option("metadata", { type: "string", array: true, requiresArg: true, describe: "key=value, repeatable" })
      .option("bootable", { type: "boolean", describe: "Machines may boot from it" })
      .option("read-only", { type: "boolean", describe: "Hosts can only read it" }),
  run: async ({ volume, name, description, metadata, bootable, readOnly }, session) => {
    const { client } = session;
    const texts = { ...(name === undefined ? {} : { name }), ...(description === undefined ? {} : { description }) };
    const given = [name, description, metadata, bootable, readOnly];
    if (given.every((value) => value === undefined)) throw usageFailure("nothing to set was given");
    const id = await volumeId(session, volume);
    const path = client.volumesPath("volumes", id);
    const action = client.volumesPath("volumes", id, "action");
    if (readOnly !== undefined)
      await client.tell("POST", action, { "os-update_readonly_flag": { readonly: readOnly } });
    if (bootable !== undefined) await client.tell("POST", action, { "os-set_bootable": { bootable } });
    if (Object.keys(texts).length > 0) await client.tell("PUT", path, { volume: texts });
    if (metadata !== undefined)
      await client.tell("POST", `${path}/metadata`, { metadata: parseKeyValues(metadata, "--metadata") });
    showVolume(session, await readVolume(session, id));
  },
});
