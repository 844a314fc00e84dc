import { randomBytes } from "node:crypto";
import { type CallContext, DriverError } from "../driver.ts";
import type { SolarisHost } from "./host.ts";
import { list, type ObjectNames } from "./objects.ts";
import { type RefusalKind, refusalOf, unless } from "./refusal.ts";

const SERVICES = ["svc:/system/stmf:default", "svc:/network/iscsi/target:default"];
const PROBE = "berth-probe";
/** A check takes seconds; what is older was cut short. */
const PROBE_MAX_AGE_MS = 10 * 60_000;
const PROBE_INITIATOR = "iqn.2026-01.org.berth:probe";
const README = "see agent/drivers/README.md, solaris";

export function isProbe(name: string): boolean {
  return name.startsWith(`${PROBE}-`);
}

/**
 * Is the host set up, and may the login do all that it will have to? Asked by doing it once with a volume of its own,
 * which is the only answer that holds for every way of granting rights.
 */
export async function checkSetUp(context: CallContext, host: SolarisHost, names: ObjectNames): Promise<void> {
  await checkServices(context, host);
  await checkBase(context, host, names);
  await removeOldProbes(context, host, names);
  await probeZfs(context, host, names);
  await probeComstar(context, host);
}

async function checkServices(context: CallContext, host: SolarisHost): Promise<void> {
  const states = await host.services(context, SERVICES).catch((error: unknown) => {
    throw refusalOf(error) === null ? error : notSetUp("the services stmf and iscsi/target are not installed", error);
  });
  for (const [index, state] of states.entries())
    if (state.replace("*", "") !== "online")
      throw notSetUp(`${SERVICES[index]} is ${state}: svcadm enable -r ${SERVICES[index]}`);
}

async function checkBase(context: CallContext, host: SolarisHost, { base }: ObjectNames): Promise<void> {
  const rows = await unless(["missing"], () => host.readZfs(context, ["get", "-H", "-o", "value", "type", base]));
  if (rows === undefined) throw notSetUp(`there is no dataset ${base}: zfs create ${base}`);
  if (rows[0]?.[0] !== "filesystem") throw notSetUp(`${base} is a ${rows[0]?.[0]} and cannot hold volumes`);
}

async function removeOldProbes(context: CallContext, host: SolarisHost, { base }: ObjectNames): Promise<void> {
  const found = await list(context, host, { names: [base], depth: 1 });
  for (const { name, createdAtMs } of found.filter((one) => !one.name.includes("@")))
    if (isProbe(name.slice(base.length + 1)) && Date.now() - createdAtMs > PROBE_MAX_AGE_MS)
      await unless(["missing"], () => host.zfs(context, ["destroy", "-R", name]));
}

async function probeZfs(context: CallContext, host: SolarisHost, { base }: ObjectNames): Promise<void> {
  const one = `${base}/${PROBE}-${randomBytes(4).toString("hex")}`;
  const [two, three] = [`${one}-clone`, `${one}-renamed`];
  const steps: readonly (readonly string[])[] = [
    ["create", "-s", "-V", "8M", "-o", "org.berth:probe=1", one],
    ["snapshot", `${one}@s`],
    ["clone", `${one}@s`, two],
    ["set", "volsize=16M", two],
    ["set", "refreservation=16M", two],
    ["set", "refreservation=none", two],
    ["promote", two],
    ["rollback", `${two}@s`],
    ["rename", one, three],
    ["destroy", three],
    ["destroy", "-d", `${two}@s`],
    ["destroy", two],
  ];
  const made: string[] = [];
  try {
    for (const args of steps) {
      await tried(`zfs ${args[0]}${args[0] === "set" ? ` ${args[1]?.split("=")[0]}` : ""}`, () =>
        host.zfs(context, args),
      );
      made.push(args[0] ?? "");
    }
  } catch (error) {
    if (made.length > 0)
      for (const name of [two, three, one]) await host.zfs(context, ["destroy", "-R", name]).catch(() => undefined);
    throw error;
  }
}

async function probeComstar(context: CallContext, host: SolarisHost): Promise<void> {
  const steps: readonly (readonly ["stmfadm" | "itadm", readonly string[], RefusalKind])[] = [
    ["stmfadm", ["create-hg", PROBE], "exists"],
    ["stmfadm", ["delete-hg", PROBE], "missing"],
    ["itadm", ["create-initiator", PROBE_INITIATOR], "exists"],
    ["itadm", ["delete-initiator", PROBE_INITIATOR], "missing"],
  ];
  for (const [program, args, fine] of steps)
    await tried(`${program} ${args[0]}`, () => unless([fine], () => host.comstar(context, program, args)));
}

async function tried(what: string, step: () => Promise<unknown>): Promise<void> {
  try {
    await step();
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === null) throw error;
    if (refusal.kind === "not-allowed") throw notSetUp(`the login may not \`${what}\``, error);
    throw notSetUp(`\`${what}\` does not work: ${refusal.message}`, error);
  }
}

function notSetUp(what: string, cause?: unknown): DriverError {
  return new DriverError("not-done", `${what} (${README})`, { cause, code: "E_BACKEND_NOT_OPEN" });
}
