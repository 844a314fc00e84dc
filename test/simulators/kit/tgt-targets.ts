import { randomBytes } from "node:crypto";
import type { CallContext } from "#agent/drivers/driver.ts";
import { ALWAYS_HELD, NO_PROGRESS } from "#agent/drivers/driver.ts";
import { freeTid } from "#agent/export/tgt/identity.ts";
import { TgtManagement } from "#agent/export/tgt/management.ts";
import type { TgtTarget } from "#agent/export/tgt/state.ts";
import { findProgram } from "#shared/die-with-parent.ts";
import { createLog } from "#shared/log.ts";
import { startTgtd } from "#test/kit/tgtd.ts";
import { Closers } from "./closers.ts";
import { LunProxy } from "./lun-proxy.ts";
import { rememberedPort } from "./ports.ts";
import type { SimulatedAccount, SimulatedTarget, SimulatorTargets } from "./targets.ts";

const DEADLINE_MS = 20_000;
const log = createLog("simulator-targets", "silent");
/** Bound to each target with CHAP first, so that at no instant one is open to who shows no secret. */
const GUARD_ACCOUNT = "simulator-nobody";

/** null: tgtd is not installed. The portal keeps its port in the data folder; what it exports, the simulator tells anew. */
export async function startTargets(dataFolder: string): Promise<(SimulatorTargets & AsyncDisposable) | null> {
  if (findProgram("tgtd") === null) return null;
  const closers = new Closers();
  try {
    const tgtd = closers.add(await startTgtd());
    const port = await rememberedPort(dataFolder, "portal", 0);
    const proxy = closers.add(await LunProxy.listen(port, Number(tgtd.portals[0]?.split(":")[1])));
    const targets = new TgtTargets(new TgtManagement(tgtd.socketPath), proxy.portal);
    return Object.assign(targets, { [Symbol.asyncDispose]: () => closers[Symbol.asyncDispose]() });
  } catch (error) {
    await closers[Symbol.asyncDispose]();
    throw error;
  }
}

/** One change after another: tgt's accounts are one list for all targets. */
class TgtTargets implements SimulatorTargets {
  readonly portal: string;
  readonly #tgt: TgtManagement;
  readonly #wanted = new Map<string, SimulatedTarget>();
  /** Of accounts that stand among several. */
  readonly #secrets = new Map<string, string>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(tgt: TgtManagement, portal: string) {
    this.#tgt = tgt;
    this.portal = portal;
  }

  ensure(given: SimulatedTarget): Promise<void> {
    return this.#inTurn(async () => {
      const before = this.#wanted.get(given.iqn);
      const target = withStandingAccounts(given, before);
      this.#wanted.set(target.iqn, target);
      await this.#forgetOldSecrets(target);
      const found = await this.#find(target.iqn);
      const keeps = found !== undefined && before !== undefined && sameUnits(before, target);
      if (found !== undefined && !keeps) await this.#tgt.deleteTarget(context(), found.tid);
      const tid = keeps ? found.tid : await this.#build(target);
      await this.#setAccounts(tid, accountsOf(before), target);
      await this.#setInitiators(keeps ? found : { tid, letIn: [], sessions: [] }, target.initiators ?? ["ALL"]);
    });
  }

  remove(iqn: string): Promise<void> {
    return this.#inTurn(async () => {
      const accounts = accountsOf(this.#wanted.get(iqn));
      this.#wanted.delete(iqn);
      const found = await this.#find(iqn);
      if (found !== undefined) {
        await this.#setInitiators(found, []);
        await this.#tgt.deleteTarget(context(), found.tid);
      }
      for (const { username } of accounts)
        if (!this.#accountUsed(username)) await this.#tgt.deleteAccount(context(), username);
    });
  }

  refreshSize(iqn: string): Promise<void> {
    return this.#inTurn(async () => {
      const found = await this.#find(iqn);
      if (found === undefined) return;
      for (const { lun, path } of this.#wanted.get(iqn)?.units ?? [])
        await this.#tgt.setUnit(context(), found.tid, LunProxy.behind(lun), { online: "0", path });
    });
  }

  async #build(target: SimulatedTarget): Promise<number> {
    const taken = new Set((await this.#tgt.targets(context())).map(({ tid }) => tid));
    const tid = freeTid(target.iqn, taken);
    await this.#tgt.createTarget(context(), tid, target.iqn);
    for (const { lun, path, readOnly = false } of target.units) {
      await this.#tgt.addUnit(context(), tid, LunProxy.behind(lun), path);
      await this.#tgt.setUnit(context(), tid, LunProxy.behind(lun), { readonly: readOnly ? "1" : "0" });
    }
    if (target.chap !== null) {
      await this.#tgt.addAccount(context(), GUARD_ACCOUNT, randomBytes(16).toString("hex"));
      await this.#tgt.bindAccount(context(), tid, GUARD_ACCOUNT);
    }
    return tid;
  }

  async #setAccounts(tid: number, before: readonly SimulatedAccount[], target: SimulatedTarget): Promise<void> {
    const accounts = accountsOf(target);
    for (const { username } of before)
      if (!has(target, username) && !this.#accountUsed(username)) await this.#tgt.deleteAccount(context(), username);
    if (!Array.isArray(target.chap)) for (const account of accounts) await this.#setAccount(tid, account);
    else
      for (const { username, secret } of accounts) {
        await this.#tgt.addAccount(context(), username, secret);
        await this.#tgt.bindAccount(context(), tid, username);
      }
  }

  /**
   * tgtd falls over a target of several accounts when one that is not its last is unbound or deleted. So accounts are only
   * ever added to such a target, and those of another secret are got rid of together with the targets that have them.
   */
  async #forgetOldSecrets(target: SimulatedTarget): Promise<void> {
    if (!Array.isArray(target.chap)) return;
    for (const { username, secret } of accountsOf(target)) {
      const others = [...this.#wanted.values()].filter(
        (one) => one !== target && accountsOf(one).some((its) => its.username === username && its.secret !== secret),
      );
      const known = this.#secrets.get(username);
      this.#secrets.set(username, secret);
      if (known === undefined || known === secret) continue;
      for (const { iqn } of [target, ...others]) {
        const found = await this.#find(iqn);
        if (found !== undefined) await this.#tgt.deleteTarget(context(), found.tid);
        this.#wanted.delete(iqn);
      }
      await this.#tgt.deleteAccount(context(), username);
      this.#wanted.set(target.iqn, target);
    }
  }

  /** A secret cannot be changed in tgt: the account goes, comes again, and is bound to all targets that have it. */
  async #setAccount(tid: number, { username, secret }: SimulatedAccount): Promise<void> {
    const targets = await this.#tgt.targets(context());
    await this.#tgt.deleteAccount(context(), username);
    await this.#tgt.addAccount(context(), username, secret);
    const users = targets.filter(({ iqn }) => has(this.#wanted.get(iqn), username));
    for (const one of new Set([tid, ...users.map((user) => user.tid)]))
      await this.#tgt.bindAccount(context(), one, username);
  }

  /** Who is not let in any more is cut off. */
  async #setInitiators(target: Pick<TgtTarget, "tid" | "letIn" | "sessions">, wanted: readonly string[]) {
    for (const who of wanted) if (!target.letIn.includes(who)) await this.#tgt.letIn(context(), target.tid, who);
    for (const who of target.letIn) if (!wanted.includes(who)) await this.#tgt.sendAway(context(), target.tid, who);
    if (wanted.includes("ALL")) return;
    for (const session of target.sessions.filter(({ initiator }) => !wanted.includes(initiator)))
      for (const connectionId of session.connectionIds)
        await this.#tgt.endConnection(context(), target.tid, session.id, connectionId);
  }

  #accountUsed(username: string): boolean {
    return [...this.#wanted.values()].some((target) => has(target, username));
  }

  async #find(iqn: string): Promise<TgtTarget | undefined> {
    return (await this.#tgt.targets(context())).find((target) => target.iqn === iqn);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}

/**
 * Another account needs another target: what is bound to one in tgt cannot be taken from it while others have it, too.
 * Where there are several, they are only ever added.
 */
function sameUnits(one: SimulatedTarget, other: SimulatedTarget): boolean {
  const kept = ({ units, chap }: SimulatedTarget): string =>
    JSON.stringify([units, chap !== null && "username" in chap ? chap.username : chap !== null]);
  return kept(one) === kept(other);
}

function context(): CallContext {
  return { guard: ALWAYS_HELD, progress: NO_PROGRESS, signal: AbortSignal.timeout(DEADLINE_MS), log };
}

/** What was bound once stays: its initiator is not let in any more, and that will do. */
function withStandingAccounts(target: SimulatedTarget, before: SimulatedTarget | undefined): SimulatedTarget {
  if (!Array.isArray(target.chap)) return target;
  const wanted = accountsOf(target);
  const standing = accountsOf(before);
  const fresh = wanted.filter(({ username }) => !has(before, username));
  const current = standing.map((one) => wanted.find(({ username }) => username === one.username) ?? one);
  return { ...target, chap: [...current, ...fresh] };
}

function accountsOf(target: SimulatedTarget | undefined): readonly SimulatedAccount[] {
  if (target === undefined || target.chap === null) return [];
  return "username" in target.chap ? [target.chap] : target.chap;
}

function has(target: SimulatedTarget | undefined, username: string): boolean {
  return accountsOf(target).some((account) => account.username === username);
}
