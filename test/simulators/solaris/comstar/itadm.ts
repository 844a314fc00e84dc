import { randomUUID } from "node:crypto";
import { BadOption, type Options, readOptions } from "../options.ts";
import { DONE, failed, type Outcome, type ShellFiles, said } from "../shell/run.ts";
import type { ComstarState } from "./state.ts";
import { deviceName } from "./stmfadm.ts";

/** errno, which is the exit code. */
const ENOENT = 2;
const EBADF = 9;
const EBUSY = 16;
const EEXIST = 17;
const EINVAL = 22;
const EFAULT = 14;
const FIRST_OWN_TAG = 2;
const MOST_IQN_CHARACTERS = 223;

/** What it says, and its exit code. */
class ItadmFailure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

interface Entry {
  readonly spec: string;
  readonly needsOperand: boolean;
  readonly authorization: "modify" | "read";
  run(state: ComstarState, options: Options, files: ShellFiles): Outcome;
}

const SUBCOMMANDS: Readonly<Record<string, Entry>> = {
  "create-target": { spec: "a:sS:u:n:l:t:", needsOperand: false, authorization: "modify", run: createTarget },
  "modify-target": { spec: "a:sS:u:n:l:t:", needsOperand: true, authorization: "modify", run: modifyTarget },
  "delete-target": { spec: "f", needsOperand: true, authorization: "modify", run: deleteTarget },
  "list-target": { spec: "v", needsOperand: false, authorization: "read", run: listTargets },
  "create-tpg": { spec: "", needsOperand: true, authorization: "modify", run: createPortalGroup },
  "delete-tpg": { spec: "f", needsOperand: true, authorization: "modify", run: deletePortalGroup },
  "list-tpg": { spec: "v", needsOperand: false, authorization: "read", run: listPortalGroups },
  "create-initiator": { spec: "sS:u:", needsOperand: true, authorization: "modify", run: createInitiator },
  "modify-initiator": { spec: "sS:u:", needsOperand: true, authorization: "modify", run: modifyInitiator },
  "delete-initiator": { spec: "", needsOperand: true, authorization: "modify", run: deleteInitiator },
  "list-initiator": { spec: "v", needsOperand: false, authorization: "read", run: listInitiators },
  "modify-defaults": { spec: "a:r:dD:i:I:l:", needsOperand: false, authorization: "modify", run: modifyDefaults },
  "list-defaults": { spec: "", needsOperand: false, authorization: "read", run: listDefaults },
};

export interface ItadmMood {
  readonly serviceOnline: boolean;
  /** Somebody else changed the configuration meanwhile. */
  readonly stale: boolean;
}

/** `itadm`. Each failure ends with the same last line. */
export function itadm(
  state: ComstarState,
  privileged: boolean,
  args: readonly string[],
  files: ShellFiles,
  mood: ItadmMood,
): Outcome {
  const [name = "", ...rest] = args;
  const subcommand = SUBCOMMANDS[name];
  if (subcommand === undefined) return failed("Error, no subcommand specified\n", 1);
  let options: Options;
  try {
    options = readOptions(rest, subcommand.spec);
  } catch (error) {
    if (!(error instanceof BadOption)) throw error;
    const text = error.missesValue
      ? `Option -${error.letter} requires an operand.`
      : `Unrecognized option -${error.letter}`;
    return failed(`${text}\n`, 1);
  }
  if (subcommand.needsOperand && options.operands.length === 0) return failed(`itadm ${name} needs an operand\n`, 1);
  if (!mood.serviceOnline) return failed(SERVICE_OFFLINE, 1);
  const authorization = `solaris.smf.${subcommand.authorization}.stmf`;
  if (!privileged) return ended(name, `Error, operation requires authorization ${authorization}`, 1);
  if (mood.stale && subcommand.authorization === "modify") return ended(name, STALE, 116);
  try {
    return subcommand.run(state, options, files);
  } catch (error) {
    if (error instanceof ItadmFailure) return ended(name, error.message, error.exitCode);
    throw error;
  }
}

const SERVICE = "svc:/network/iscsi/target:default";
const SERVICE_OFFLINE = `The iSCSI target service must be online before running this command.\nUse 'svcadm enable -r ${SERVICE}'\nto enable the service and its prerequisite services and/or\n'svcs -x ${SERVICE}' to determine why it is not online.\n`;
const STALE =
  "Configuration changed during processing.  Check the configuration, then retry this command if appropriate.";

function ended(name: string, text: string, exitCode: number): Outcome {
  return failed(`${text}\nitadm ${name} failed with error ${exitCode}\n`, exitCode);
}

function createTarget(state: ComstarState, options: Options, files: ShellFiles): Outcome {
  const given = options.value("n") ?? options.operands[0];
  const iqn = given === undefined ? `iqn.1986-03.com.sun:02:${randomUUID()}` : iscsiName(given);
  if (state.targets[iqn] !== undefined) throw new ItadmFailure(`iSCSI target ${iqn} already configured`, EEXIST);
  const portalGroups = tagsOf(state, options.value("t"), (name) => `Invalid tpg-tag ${name}, tag not defined`);
  state.targets[iqn] = {
    alias: options.value("l") ?? null,
    auth: authOf(options.value("a")),
    chapUser: options.value("u") ?? null,
    chapSecret: secretOf(options, files),
    portalGroups: portalGroups ?? [],
    online: true,
  };
  return said(`Target ${iqn} successfully created\n`);
}

function modifyTarget(state: ComstarState, options: Options, files: ShellFiles): Outcome {
  const [name = ""] = options.operands;
  const newName = options.value("n");
  const to = newName === undefined ? name : iscsiName(newName, 1);
  if (newName !== undefined && state.targets[to] !== undefined)
    throw new ItadmFailure(`A target with name ${to} already exists`, 1);
  const target = state.targets[name];
  if (target === undefined) throw new ItadmFailure(`Target ${name} not found`, EINVAL);
  const portalGroups = tagsOf(state, options.value("t"), (tag) => `Invalid tpg-name ${tag}: not defined`);
  const auth = options.value("a");
  if (auth !== undefined) target.auth = authOf(auth);
  target.alias = options.value("l") ?? target.alias;
  target.chapUser = options.value("u") ?? target.chapUser;
  target.chapSecret = secretOf(options, files) ?? target.chapSecret;
  target.portalGroups = portalGroups ?? target.portalGroups;
  delete state.targets[name];
  state.targets[to] = target;
  return said(`Target ${to} successfully modified\n`);
}

function deleteTarget(state: ComstarState, options: Options): Outcome {
  const [name = ""] = options.operands;
  const target = state.targets[name];
  if (target === undefined) throw new ItadmFailure(`Target ${name} not found`, 1);
  if (target.online && !options.flags.has("f"))
    throw new ItadmFailure(
      `The target is online or busy. Use the -f (force) option, or 'stmfadm offline-target ${name}'`,
      EBUSY,
    );
  delete state.targets[name];
  return DONE;
}

function listTargets(state: ComstarState, options: Options): Outcome {
  const [wanted] = options.operands;
  const all = Object.entries(state.targets).filter(([name]) => wanted === undefined || name === wanted);
  if (wanted !== undefined && all.length === 0) throw new ItadmFailure(`Target ${wanted} not found!\n`, 1);
  if (all.length === 0) return DONE;
  const defaultAuth = state.defaults.auth ?? "none";
  let text = `${"TARGET NAME".padEnd(61)}${"STATE".padEnd(9)}${"SESSIONS".padEnd(9)}\n`;
  for (const [name, target] of all) {
    text += `${name.padEnd(61)}${name.length > 60 ? "\t" : ""}${(target.online ? "online" : "offline").padEnd(9)}${"0".padEnd(9)}\n`;
    if (!options.flags.has("v")) continue;
    const tags = target.portalGroups.map((group) => `${group.name} = ${group.tag}`).join(",");
    const lines: [string, string][] = [
      ["alias:", target.alias ?? state.defaults.alias ?? "-"],
      ["auth:", `${target.auth ?? defaultAuth} ${target.auth === null ? "(defaults)" : ""}`],
      ["targetchapuser:", target.chapUser ?? "-"],
      ["targetchapsecret:", target.chapSecret === null ? "unset" : "set"],
      ["tpg-tags:", tags === "" ? "default" : tags],
    ];
    text += lines.map(([key, value]) => `\t${key.padEnd(20)}\t${value}\n`).join("");
  }
  return said(text);
}

function createPortalGroup(state: ComstarState, { operands }: Options): Outcome {
  const [name = "", ...addresses] = operands;
  if (addresses.length === 0) throw new ItadmFailure("Error, no portal addresses specified", EINVAL);
  if (state.portalGroups[name] !== undefined) throw new ItadmFailure(`Target Portal Group ${name} already exists`, 1);
  const portals = addresses.map((address) => (/:\d+$/.test(address) ? address : `${address}:3260`));
  const taken = portals.find((portal) => Object.values(state.portalGroups).flat().includes(portal));
  if (taken !== undefined) throw new ItadmFailure(`Portal ${taken} already in use`, EEXIST);
  state.portalGroups[name] = portals;
  return DONE;
}

function deletePortalGroup(state: ComstarState, options: Options): Outcome {
  const [name = ""] = options.operands;
  if (state.portalGroups[name] === undefined) throw new ItadmFailure(`Target portal group ${name} does not exist.`, 1);
  const users = Object.values(state.targets).filter(({ portalGroups }) =>
    portalGroups.some((one) => one.name === name),
  );
  if (users.length > 0 && !options.flags.has("f"))
    throw new ItadmFailure("Target portal group associated with one or more targets.  Cannot delete.", EBUSY);
  for (const target of users) target.portalGroups = target.portalGroups.filter((one) => one.name !== name);
  delete state.portalGroups[name];
  return DONE;
}

function listPortalGroups(state: ComstarState, options: Options): Outcome {
  const [wanted] = options.operands;
  const all = Object.entries(state.portalGroups).filter(([name]) => wanted === undefined || name === wanted);
  if (wanted !== undefined && all.length === 0) throw new ItadmFailure(`Target Portal Group ${wanted} not found!\n`, 1);
  if (all.length === 0) return DONE;
  const rows = all.map(([name, portals]) => {
    const more = options.flags.has("v") ? `\n    portals:\t${portals.join(",")}` : "";
    return `${name.padEnd(30)}${String(portals.length).padEnd(9)}${more}\n`;
  });
  return said(`${"TARGET PORTAL GROUP".padEnd(30)}${"PORTAL COUNT".padEnd(9)}\n${rows.join("")}`);
}

function createInitiator(state: ComstarState, options: Options, files: ShellFiles): Outcome {
  const name = iscsiName(options.operands[0] ?? "");
  const chapSecret = secretOf(options, files);
  if (state.initiators[name] !== undefined) throw new ItadmFailure(`Initiator ${name} already exists`, EINVAL);
  state.initiators[name] = { chapUser: options.value("u") ?? null, chapSecret };
  return DONE;
}

function modifyInitiator(state: ComstarState, options: Options, files: ShellFiles): Outcome {
  const [name = ""] = options.operands;
  const chapSecret = secretOf(options, files);
  const initiator = state.initiators[name.toLowerCase()];
  if (initiator === undefined) throw new ItadmFailure(`Error, initiator ${name} not found.`, ENOENT);
  initiator.chapUser = options.value("u") ?? initiator.chapUser;
  initiator.chapSecret = chapSecret ?? initiator.chapSecret;
  return DONE;
}

function deleteInitiator(state: ComstarState, { operands }: Options): Outcome {
  const [name = ""] = operands;
  if (state.initiators[name.toLowerCase()] === undefined) throw new ItadmFailure(`Initiator ${name} not found`, 1);
  delete state.initiators[name.toLowerCase()];
  return DONE;
}

function listInitiators(state: ComstarState, { operands }: Options): Outcome {
  const [wanted] = operands;
  const all = Object.entries(state.initiators).filter(
    ([name]) => wanted === undefined || name === wanted.toLowerCase(),
  );
  if (wanted !== undefined && all.length === 0) throw new ItadmFailure(`Initiator ${wanted} not found!`, 1);
  if (all.length === 0) return DONE;
  const rows = all.map(([name, { chapUser, chapSecret }]) => {
    const user = chapUser ?? "<none>";
    return `${name.padEnd(61)}${name.length > 60 ? "\t" : ""}${user.padEnd(15)}${user.length >= 15 ? "\t" : ""}${(chapSecret === null ? "unset" : "set").padEnd(4)}\n`;
  });
  return said(`${"INITIATOR NAME".padEnd(61)}${"CHAPUSER".padEnd(10)}${"SECRET".padEnd(7)}\n${rows.join("")}`);
}

function modifyDefaults(state: ComstarState, options: Options): Outcome {
  const auth = options.value("a");
  if (auth !== undefined) state.defaults.auth = authOf(auth);
  state.defaults.alias = options.value("l") ?? state.defaults.alias;
  return DONE;
}

function listDefaults({ defaults }: ComstarState): Outcome {
  const lines: [string, string][] = [
    ["alias:", defaults.alias ?? "<none>"],
    ["auth:", defaults.auth ?? "<none>"],
    ["radiusserver:", "<none>"],
    ["radiussecret:", "unset"],
    ["isns:", "disabled"],
    ["isnsserver:", "<none>"],
  ];
  return said(
    `iSCSI Target Default Properties:\n\n${lines.map(([key, value]) => `${key.padEnd(15)}\t${value}\n`).join("")}`,
  );
}

function iscsiName(given: string, exitCode = EFAULT): string {
  if (!given.startsWith("iqn.") && !given.startsWith("eui.")) throw new ItadmFailure(`Invalid name ${given}`, EINVAL);
  const name = deviceName(given);
  if (name === null || given.length > MOST_IQN_CHARACTERS)
    throw new ItadmFailure(`Invalid iSCSI name ${given}`, exitCode);
  return name;
}

/** null: as the defaults say. */
function authOf(given: string | undefined): string | null {
  if (given === undefined || given === "default") return null;
  if (["radius", "chap", "none"].includes(given)) return given;
  throw new ItadmFailure(`Error setting target properties, ${EINVAL}\n\tauth: ${given}`, EINVAL);
}

/** null: none was given. Only a regular file is read, never a terminal or a pipe. */
function secretOf(options: Options, files: ShellFiles): string | null {
  const path = options.value("S");
  if (path === undefined) return null;
  const text = files.read(path);
  if (text === null) throw new ItadmFailure(`Invalid secret file ${path}`, EBADF);
  const secret = text.replace(/\n$/, "");
  if (secret.length < 12 || secret.length > 255)
    throw new ItadmFailure("Secret must be between 12 and 255 characters", EINVAL);
  return secret;
}

/** null: nothing was said of portal groups. */
function tagsOf(
  state: ComstarState,
  given: string | undefined,
  unknown: (name: string) => string,
): { name: string; tag: number }[] | null {
  if (given === undefined) return null;
  if (given === "default") return [];
  return given.split(",").map((name, index) => {
    if (state.portalGroups[name] === undefined) throw new ItadmFailure(unknown(name), 1);
    return { name, tag: FIRST_OWN_TAG + index };
  });
}
