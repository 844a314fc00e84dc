import type { Argv } from "yargs";
import type { Everywhere } from "./session.ts";

const GROUP = "Options everywhere:";

/** How command lines are read, and what may stand in each: only what is declared, words stay words. */
export function withEverywhere(parser: Argv): Argv<Everywhere> {
  return parser
    .scriptName("berth")
    .exitProcess(false)
    .detectLocale(false)
    .showHelpOnFail(false)
    .strict()
    .parserConfiguration({
      "parse-numbers": false,
      "parse-positional-numbers": false,
      "dot-notation": false,
      "boolean-negation": false,
      "greedy-arrays": false,
    })
    .option("json", { type: "boolean", group: GROUP, describe: "One JSON document, for programs" })
    .option("quiet", { alias: "q", type: "boolean", group: GROUP, describe: "Ids or names only" })
    .option("project", {
      type: "string",
      requiresArg: true,
      group: GROUP,
      describe: "Project (BERTH_PROJECT, else the token's, else default)",
    })
    .option("token", {
      type: "string",
      requiresArg: true,
      group: GROUP,
      describe: "Token (BERTH_TOKEN, OS_TOKEN, else from Keystone by OS_AUTH_URL and its kin)",
    })
    .option("api", {
      type: "string",
      requiresArg: true,
      group: GROUP,
      describe: "The scheduler's address (BERTH_API_URL, else port BERTH_API_PORT or 8776 of this machine)",
    })
    .option("no-color", { type: "boolean", group: GROUP, describe: "No colours (NO_COLOR)" })
    .help("help", "Show help")
    .alias("help", "h")
    .version()
    .group(["help", "version"], GROUP);
}
