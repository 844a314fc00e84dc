import yargs from "yargs";

export interface Arguments {
  /** Backends that move no bytes, in a data folder of their own. */
  readonly fake: boolean;
  /** Simulated storage systems to start as well, by name. */
  readonly with: readonly string[];
}

const SETTINGS = `Settings (environment variables):
  BERTH_API_PORT    port of the API (8776)
  BERTH_NATS_PORT   port of nats-server (4222)
  BERTH_ISCSI_PORT  port of the iSCSI target (3260)
  BERTH_DATA        data folder (.berth in the project's folder)
  BERTH_LOG_LEVEL   trace, debug, info, warn or error (info)

With other ports and another data folder, several run side by side.`;

/** Reads the command line. Prints the help or what is wrong, and ends the process, by itself. */
export function parseArguments(argv: readonly string[]): Promise<Arguments> {
  return yargs([...argv])
    .scriptName("npm start --")
    .usage(
      "$0 [--fake] [--with NAME]\n\nRuns nats-server, an iSCSI target, the scheduler and two agents in each of two zones, until Ctrl-C.",
    )
    .option("fake", {
      type: "boolean",
      default: false,
      describe: "backends that move no bytes, for demonstrations and measuring",
    })
    .option("with", {
      type: "string",
      array: true,
      nargs: 1,
      default: [],
      describe: "a simulated storage system beside, with a flavor of its name: solidfire, for instance",
    })
    .strict()
    .version(false)
    .alias("help", "h")
    .epilogue(SETTINGS)
    .wrap(120)
    .parseAsync();
}
