import { BadOption, type Options, readOptions } from "../options.ts";
import { DONE, failed, type Outcome, said } from "../shell/run.ts";
import { parseSize } from "../zfs/sizes.ts";
import { type Comstar, ComstarRefusal } from "./comstar.ts";

const SPECS: Readonly<Record<string, string>> = {
  "create-lu": "s:",
  "import-lu": "",
  "modify-lu": "s:",
  "delete-lu": "k",
  "list-lu": "",
};
const RULE = `${"-".repeat(32)}  ${"-".repeat(19)}  ${"-".repeat(16)}`;
const HEADING = `\n\t      GUID                    DATA SIZE           SOURCE\n${RULE}\n`;

/** The older tool for logical units. `hidden`: units that are there and not listed yet. */
export function sbdadm(
  comstar: Comstar,
  privileged: boolean,
  args: readonly string[],
  mood: { readonly serviceOnline: boolean; readonly hidden: ReadonlySet<string> },
): Outcome {
  const [name = "", ...rest] = args;
  const spec = SPECS[name];
  if (spec === undefined) return failed(`sbdadm: ${name}: unknown subcommand\n`, 1);
  if (!mood.serviceOnline) return failed("sbdadm: STMF service not found\n", 1);
  if (!privileged) return failed("sbdadm: permission denied\n", 1);
  try {
    return run(comstar, name, readOptions(rest, spec), mood.hidden);
  } catch (error) {
    if (error instanceof BadOption) return failed(`sbdadm: -${error.letter}: unknown option\n`, 1);
    if (!(error instanceof ComstarRefusal)) throw error;
    return failed(`sbdadm: ${error.object === null ? "" : `${error.object}: `}${error.message}\n`, 1);
  }
}

function run(comstar: Comstar, name: string, options: Options, hidden: ReadonlySet<string>): Outcome {
  const [operand = ""] = options.operands;
  if (name !== "list-lu" && operand === "") throw new ComstarRefusal("missing operand");
  const given = options.value("s");
  const size = given === undefined ? null : parseSize(given);
  if (given !== undefined && size === null) throw new ComstarRefusal("size param invalid", "s");
  switch (name) {
    case "create-lu": {
      const guid = comstar.createUnit(operand, size === null ? {} : { sizeBytes: size });
      return said(`\nCreated the following LU:\n${HEADING}${row(comstar, guid)}`);
    }
    case "import-lu":
      return said(`\nImported the following LU:\n${HEADING}${row(comstar, comstar.importUnit(operand))}`);
    case "modify-lu": {
      const guid = operand.startsWith("/") ? comstar.unitOfFile(operand) : operand;
      if (guid === null || size === null) throw new ComstarRefusal("not found", operand);
      comstar.resizeUnit(guid, size);
      return DONE;
    }
    case "delete-lu":
      comstar.deleteUnit(operand, options.flags.has("k"));
      return DONE;
    default: {
      const guids = Object.keys(comstar.state.units).filter((guid) => !hidden.has(guid));
      if (guids.length === 0) return DONE;
      return said(`\nFound ${guids.length} LU(s)\n${HEADING}${guids.map((guid) => row(comstar, guid)).join("")}`);
    }
  }
}

function row(comstar: Comstar, guid: string): string {
  const { sizeBytes, file } = comstar.unit(guid);
  return `${guid.toLowerCase()}  ${String(sizeBytes).padEnd(19)}  ${file}\n`;
}
