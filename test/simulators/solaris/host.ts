import type { Desk } from "../kit/desk.ts";
import type { SimulatorTargets } from "../kit/targets.ts";
import type { Caller } from "./caller.ts";
import { Comstar } from "./comstar/comstar.ts";
import { ComstarExports } from "./comstar/exports.ts";
import { itadm } from "./comstar/itadm.ts";
import { sbdadm } from "./comstar/sbdadm.ts";
import type { ComstarState } from "./comstar/state.ts";
import { stmfadm } from "./comstar/stmfadm.ts";
import {
  type Call,
  DONE,
  failed,
  type Outcome,
  Shell,
  type ShellFiles,
  type StandardInput,
  said,
} from "./shell/run.ts";
import { smallProgram } from "./shell/small-programs.ts";
import { type HostUser, runsAsRoot, USERS } from "./users.ts";
import type { ZfsState } from "./zfs/state.ts";
import type { VolumeData } from "./zfs/volume-data.ts";
import { Zfs } from "./zfs/zfs.ts";
import { zfsProgram } from "./zfs/zfs-program.ts";
import { zpoolProgram } from "./zfs/zpool-program.ts";

const SERVICES = ["svc:/system/stmf:default", "svc:/network/iscsi/target:default"];
const STORAGE_PROGRAMS = ["zfs", "zpool", "stmfadm", "sbdadm", "itadm"];

export interface HostParts {
  readonly zfs: ZfsState;
  readonly comstar: ComstarState;
  readonly data: VolumeData;
  /** What users left in files: by their paths. */
  readonly files: Record<string, string>;
  readonly capacityBytes: number;
  readonly desk: Desk;
  readonly targets: SimulatorTargets | null;
  /** What was changed outlives a kill from now on. */
  saved(): Promise<void>;
}

/** A Solaris host as it looks through its shell. One program after another changes it, as the kernel would have it. */
export class Host {
  readonly #zfs: Zfs;
  readonly #comstar: Comstar;
  readonly #exports: ComstarExports | null;
  readonly #parts: HostParts;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: HostParts) {
    this.#parts = parts;
    this.#zfs = new Zfs(parts.zfs, {
      capacityBytes: parts.capacityBytes,
      isFull: () => this.#strikes("full"),
      data: parts.data,
      isBusy: (name) => this.#strikes("busy-dataset") || this.#comstar.isVolumeBusy(name),
    });
    this.#comstar = new Comstar(parts.comstar, this.#zfs);
    this.#exports = parts.targets === null ? null : new ComstarExports(parts.comstar, this.#zfs, parts.targets);
  }

  /** Runs a command line as this user's shell does. */
  async run(line: string, userName: string, stdin: StandardInput): Promise<Outcome> {
    const user = USERS.find(({ name }) => name === userName) ?? { name: userName, profiles: [] };
    const outcome = await new Shell((call) => this.#program(call, user, false), this.#files, stdin).run(line);
    if (/[>]|\bln\b|\brm\b/.test(line)) await this.#parts.saved();
    return this.#strikes("crlf") ? { ...outcome, stdout: outcome.stdout.replaceAll("\n", "\r\n") } : outcome;
  }

  /** What COMSTAR is to serve after a start. */
  async settle(): Promise<void> {
    await this.#exports?.settle((name) => this.#pathOf(name));
  }

  readonly #files: ShellFiles & { remove(path: string): void } = {
    read: (path) => this.#parts.files[path] ?? null,
    write: (path, text) => {
      this.#parts.files[path] = text;
    },
    remove: (path) => {
      delete this.#parts.files[path];
    },
  };

  async #program(call: Call, user: HostUser, asRoot: boolean): Promise<Outcome | null> {
    const program = call.program.replace(/^\/usr\/s?bin\//, "").replace(/^\/sbin\//, "");
    if (program === "pfexec" || program === "sudo") return await this.#raised(call, user);
    const caller: Caller = { user: user.name, privileged: asRoot || user.name === "root" };
    if (program === "id") return said(identity(caller));
    if (program === "svcs") return this.#services(call.args);
    if (program === "uname")
      return said(call.args.includes("-a") ? "SunOS simulated 5.11 illumos i86pc i386 i86pc\n" : "SunOS\n");
    if (program === "hostname") return said("simulated\n");
    if (program === "profiles") return said(user.profiles.map((profile) => `${profile}\n`).join(""));
    if (!STORAGE_PROGRAMS.includes(program)) return await smallProgram(this.#files, call);
    return await this.#inTurn(() => this.#storageProgram(program, call.args, caller));
  }

  async #raised(call: Call, user: HostUser): Promise<Outcome | null> {
    if (this.#strikes("no-pfexec")) return null;
    const [program = "", ...args] = call.args;
    if (program === "") return failed("pfexec: no command given\n", 1);
    const name = program.replace(/^.*\//, "");
    const asRoot = !this.#strikes("no-rights") && (runsAsRoot(user, name) || user.name === "root");
    const outcome = await this.#program({ ...call, program, args }, user, asRoot);
    return outcome ?? failed(`pfexec: ${program}: No such file or directory\n`, 1);
  }

  async #storageProgram(program: string, args: readonly string[], caller: Caller): Promise<Outcome> {
    const { desk, saved } = this.#parts;
    const method = `${program} ${args[0] ?? ""}`;
    if (desk.faults.take("silent-failure", method) !== null) return failed("", 1);
    if (desk.faults.take("failure-with-0", method) !== null) return { ...DONE, stderr: `${program}: unknown error\n` };
    for (const volume of Object.values(this.#zfs.state.datasets))
      if (volume.unitMetadata !== null) await this.#parts.data.look(volume);
    const outcome = await this.#call(program, args, caller, method);
    if (!isReading(args[0] ?? "")) {
      await this.settle();
      await saved();
    }
    return outcome;
  }

  async #call(program: string, args: readonly string[], caller: Caller, method: string): Promise<Outcome> {
    const serviceOnline = !this.#strikes("stmf-down");
    switch (program) {
      case "zfs":
        if (this.#strikes("suspended")) return failed("cannot open 'rpool': pool I/O is currently suspended\n", 1);
        return await zfsProgram(this.#zfs, caller, args, this.#strikes("old-zfs"));
      case "zpool":
        return zpoolProgram(this.#zfs, args, this.#health());
      case "stmfadm":
        return stmfadm(this.#comstar, caller.privileged, args, {
          serviceOnline,
          noViewsOnStdout: this.#strikes("no-views-on-stdout"),
          oldHeadings: this.#strikes("old-headings"),
          offlineTimesOut: this.#parts.desk.faults.take("offline-timeout", method) !== null,
        });
      case "sbdadm":
        return this.#sbdadm(args, caller, serviceOnline, method);
      default: {
        const stale = this.#parts.desk.faults.take("stale-configuration", method) !== null;
        return itadm(this.#comstar.state, caller.privileged, args, this.#files, { serviceOnline, stale });
      }
    }
  }

  #sbdadm(args: readonly string[], caller: Caller, serviceOnline: boolean, method: string): Outcome {
    const all = this.#parts.desk.faults.take("hidden-unit", method) !== null;
    const hidden = new Set(all ? Object.keys(this.#comstar.state.units) : []);
    const outcome = sbdadm(this.#comstar, caller.privileged, args, { serviceOnline, hidden });
    if (!this.#strikes("foreign-units") || args[0] !== "list-lu" || outcome.stdout === "") return outcome;
    const [, head = "", rows = ""] = /^([\s\S]*?-{16}\n)([\s\S]*)$/.exec(outcome.stdout) ?? [];
    const foreign = `600144f0ffffffffffffffffffffffff  ${"1048576".padEnd(19)}  /export/disks of others/one\n`;
    return { ...outcome, stdout: `${head}${foreign}${rows}` };
  }

  #services(args: readonly string[]): Outcome {
    const state = this.#strikes("stmf-down") ? "offline" : "online";
    const named = args.filter((arg) => !arg.startsWith("-") && !arg.includes(","));
    const wanted = named.filter((arg) => !["state", "fmri"].includes(arg)).map(serviceOf);
    const unknown = wanted.indexOf(null);
    if (unknown >= 0) return failed(`svcs: Pattern '${named[unknown]}' doesn't match any instances\n`, 1);
    const rows = wanted.length === 0 ? SERVICES : wanted;
    if (args.includes("-H"))
      return said(
        rows
          .map((service) => (args.includes("state") ? `${state}\n` : `${state.padEnd(14)} Jan_01   ${service}\n`))
          .join(""),
      );
    return said(
      `STATE          STIME    FMRI\n${rows.map((service) => `${state.padEnd(14)} Jan_01   ${service}\n`).join("")}`,
    );
  }

  #health(): string {
    if (this.#strikes("suspended")) return "SUSPENDED";
    return this.#strikes("degraded") ? "DEGRADED" : "ONLINE";
  }

  #pathOf(name: string): string | null {
    const volume = this.#zfs.state.datasets[name];
    return volume === undefined ? null : this.#parts.data.pathOf(volume);
  }

  /** Faults that are a state of the host: they hold while they are on. */
  #strikes(fault: string): boolean {
    return this.#parts.desk.faults.take(fault) !== null;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}

function isReading(subcommand: string): boolean {
  return /^(list|get|status)/.test(subcommand);
}

function serviceOf(pattern: string): string | null {
  return SERVICES.find((service) => service === pattern || service.includes(pattern.replace(/^svc:/, ""))) ?? null;
}

function identity({ user, privileged }: Caller): string {
  return privileged ? "uid=0(root) gid=0(root)\n" : `uid=101(${user}) gid=10(staff)\n`;
}
