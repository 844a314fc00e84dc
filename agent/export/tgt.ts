import { createHash, randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { crashPoint } from "#shared/crash-point.ts";
import type { ConnectionInfo } from "#shared/model/attachment.ts";
import { type CallContext, type ChapCredentials, DriverError } from "../drivers/driver.ts";
import { type ExportName, exportOfIqn, targetIqn } from "../drivers/names.ts";
import type { Exported, IscsiExport, StandingExport } from "./iscsi-export.ts";
import { freeTid, scsiIdOf, serialOf } from "./tgt/identity.ts";
import { TgtManagement } from "./tgt/management.ts";
import type { TgtTarget } from "./tgt/state.ts";
import { TgtdNotRunning } from "./tgt/wire.ts";

export interface TgtSetting {
  /** tgtd's management socket, see `tgtSocketPath`. Agent and tgtd must be of one user. */
  readonly socketPath: string;
  /** Where initiators find tgtd, the first first: `host:port`, an IPv6 address in brackets. */
  readonly portals: readonly string[];
}

const LUN = 1;
const EVERYBODY = "ALL";
/**
 * A target without any account lets in who shows no secret. This one, whose secret nobody knows, is bound to each
 * target first and stays: then there is no instant in which changing the volume's own account opens the door.
 * (It also keeps tgt's list of accounts without a gap, over which tgt 1.0.85 falls.)
 */
const GUARD_ACCOUNT = "berth-nobody";
/** I/O in flight ends in milliseconds, unless the disk below hangs. */
const BUSY_WAIT_MS = 25;
const BUSY_WAITS = 80;

/** iSCSI by the user-space target of this host. All its state dies with it; `ensure` brings a target back. */
export class TgtExport implements IscsiExport {
  readonly #management: TgtManagement;
  readonly #portals: readonly string[];

  constructor(setting: TgtSetting) {
    this.#management = new TgtManagement(setting.socketPath);
    this.#portals = setting.portals;
  }

  async ensure(context: CallContext, object: Exported, given: ChapCredentials): Promise<void> {
    assertSpeakable(object, given);
    const chap = accountOf(object, given);
    const targets = await this.#management.targets(context);
    const iqn = targetIqn(object);
    if (targets.some((target) => target.iqn !== iqn && target.accounts.includes(chap.username)))
      throw new DriverError("not-done", `the CHAP user ${chap.username} is another target's`);

    const found = targets.find((target) => target.iqn === iqn);
    if (found !== undefined && stands(found, object)) {
      await this.#setAccount(context, found, chap);
    } else {
      if (found !== undefined) await this.#destroy(context, found);
      const taken = new Set(targets.map((target) => target.tid));
      await this.#build(context, freeTid(iqn, taken), object, chap, found?.letIn ?? []);
    }
    await this.#verify(context, object, chap);
  }

  async remove(context: CallContext, name: ExportName, path?: string): Promise<void> {
    const target = await this.#find(context, name);
    if (target === undefined) return;
    const served = target.luns.find(({ lun }) => lun === LUN)?.path;
    if (path !== undefined && served !== undefined && served !== path) return;
    await this.#destroy(context, target);
  }

  async allow(context: CallContext, name: ExportName, initiator: string | null): Promise<void> {
    const target = await this.#find(context, name);
    if (target === undefined) throw new DriverError("not-done", `${name.kind} ${name.id} is not exported`);
    await this.#management.letIn(context, target.tid, initiator ?? EVERYBODY);
  }

  /** Ends the sessions of who is no longer let in as well: a host that was sent away must not write any more. */
  async disallow(context: CallContext, name: ExportName, initiator: string | null): Promise<void> {
    const target = await this.#find(context, name);
    if (target === undefined) return;
    const leaving = initiator ?? EVERYBODY;
    await this.#management.sendAway(context, target.tid, leaving);
    crashPoint("host-sent-away");
    const staying = target.letIn.filter((who) => who !== leaving);
    await this.#endSessions(context, target, (name) => !staying.includes(EVERYBODY) && !staying.includes(name));
  }

  async refreshSize(context: CallContext, object: Exported): Promise<void> {
    assertSpeakablePath(object.path);
    const target = await this.#find(context, object);
    if (target === undefined) return;
    await this.#management.reopenUnit(context, target.tid, LUN, object.path);
  }

  async exported(context: CallContext): Promise<readonly StandingExport[]> {
    return (await this.#targets(context)).flatMap(({ iqn, luns, letIn }) => {
      const name = exportOfIqn(iqn);
      if (name === null) return [];
      const path = luns.find(({ lun }) => lun === LUN)?.path ?? null;
      return [{ ...name, path, letIn: letIn.map((who) => (who === EVERYBODY ? null : who)) }];
    });
  }

  connectionInfo(name: ExportName, chap: ChapCredentials, multipath: boolean): ConnectionInfo {
    const iqn = targetIqn(name);
    const ways = {
      target_iqns: this.#portals.map(() => iqn),
      target_portals: [...this.#portals],
      target_luns: this.#portals.map(() => LUN),
    };
    return {
      driverVolumeType: "iscsi",
      data: {
        target_discovered: false,
        target_portal: this.#portals[0] ?? "",
        target_iqn: iqn,
        target_lun: LUN,
        ...(multipath ? ways : {}),
        auth_method: "CHAP",
        auth_username: accountOf(name, chap).username,
        access_mode: name.access,
      },
    };
  }

  /** Nobody is let in before all else stands; who was let in before a rebuild is let in again. */
  async #build(context: CallContext, tid: number, object: Exported, chap: ChapCredentials, letIn: readonly string[]) {
    const tgt = this.#management;
    await tgt.createTarget(context, tid, targetIqn(object));
    crashPoint("target-made");
    await tgt.addAccount(context, GUARD_ACCOUNT, randomBytes(24).toString("hex"));
    await tgt.bindAccount(context, tid, GUARD_ACCOUNT);
    await this.#setAccount(context, { tid, accounts: [] }, chap);
    crashPoint("chap-bound");
    await tgt.addUnit(context, tid, LUN, object.path);
    crashPoint("lun-made");
    await tgt.setUnit(context, tid, LUN, {
      vendor_id: "BERTH",
      product_id: "VOLUME",
      scsi_id: scsiIdOf(object.id),
      scsi_sn: serialOf(object.id),
      readonly: object.access === "ro" ? "1" : "0",
    });
    for (const who of letIn) await tgt.letIn(context, tid, who);
  }

  /** tgt tells no secret; but the account's name says which it has, so that what stands need not be touched. */
  async #setAccount(context: CallContext, target: Pick<TgtTarget, "tid" | "accounts">, chap: ChapCredentials) {
    if (target.accounts.filter((user) => user !== GUARD_ACCOUNT).join() === chap.username) return;
    await this.#deleteAccounts(context, [...target.accounts, chap.username]);
    await this.#management.addAccount(context, chap.username, chap.secret.reveal());
    await this.#management.bindAccount(context, target.tid, chap.username);
  }

  async #deleteAccounts(context: CallContext, users: readonly string[]): Promise<void> {
    for (const user of new Set(users)) if (user !== GUARD_ACCOUNT) await this.#management.deleteAccount(context, user);
  }

  /** Reads back what stands. If it is not what was asked for, it is taken down: no export is better than a wrong one. */
  async #verify(context: CallContext, object: Exported, chap: ChapCredentials): Promise<void> {
    const target = await this.#find(context, object);
    if (target !== undefined && stands(target, object) && target.accounts.includes(chap.username)) return;
    if (target !== undefined) await this.#destroy(context, target);
    throw new DriverError("not-done", `tgtd does not export ${object.kind} ${object.id} as it was told`);
  }

  /** First nobody can come in, then all are out, then it goes: stopped anywhere, it is closed and can be repeated. */
  async #destroy(context: CallContext, target: TgtTarget): Promise<void> {
    for (const who of target.letIn) await this.#management.sendAway(context, target.tid, who);
    await this.#deleteAccounts(context, target.accounts);
    await this.#endSessions(context, target, () => true);
    crashPoint("target-closed");
    for (let waited = 0; waited < BUSY_WAITS; waited++) {
      if ((await this.#management.deleteTarget(context, target.tid)) === "done") return;
      await wait(BUSY_WAIT_MS);
    }
    throw new DriverError("unknown", `I/O on ${target.iqn} does not end`);
  }

  async #endSessions(context: CallContext, target: TgtTarget, leaves: (initiator: string) => boolean): Promise<void> {
    for (const session of target.sessions.filter(({ initiator }) => leaves(initiator)))
      for (const connectionId of session.connectionIds)
        await this.#management.endConnection(context, target.tid, session.id, connectionId);
  }

  /** A tgtd that does not run has no targets: what is to be taken down is down. */
  async #targets(context: CallContext): Promise<readonly TgtTarget[]> {
    try {
      return await this.#management.targets(context);
    } catch (error) {
      if (error instanceof TgtdNotRunning) return [];
      throw error;
    }
  }

  async #find(context: CallContext, name: ExportName): Promise<TgtTarget | undefined> {
    return (await this.#targets(context)).find((target) => target.iqn === targetIqn(name));
  }
}

/** Is it all there, as this program builds it? Who is let in is not asked here. */
function stands(target: TgtTarget, object: Exported): boolean {
  const unit = target.luns.find(({ lun }) => lun === LUN);
  return (
    target.accounts[0] === GUARD_ACCOUNT &&
    target.luns.length === 2 &&
    unit !== undefined &&
    unit.path === object.path &&
    unit.online &&
    unit.readonly === (object.access === "ro") &&
    unit.scsiId === scsiIdOf(object.id) &&
    unit.serial === serialOf(object.id)
  );
}

/**
 * tgt's accounts are one list for all targets, and an account is deleted from all: each way in has its own. Its name goes
 * with its secret: another secret is another account.
 */
function accountOf({ kind, access }: ExportName, { username, secret }: ChapCredentials): ChapCredentials {
  const print = createHash("sha256").update(`${username} ${secret.reveal()}`).digest("hex").slice(0, 8);
  return { username: `${username}-${print}${kind === "volume" && access === "ro" ? "-ro" : ""}`, secret };
}

/** tgt's requests are text with commas between the parts: nothing with a comma can be said in them. */
function assertSpeakable(object: Exported, chap: ChapCredentials): void {
  assertSpeakablePath(object.path);
  if (!/^[A-Za-z0-9._:-]{1,64}$/.test(chap.username))
    throw new DriverError("not-done", "tgt cannot take this CHAP user name");
  if (!/^[\x21-\x7e]{12,64}$/.test(chap.secret.reveal()))
    throw new DriverError("not-done", "a CHAP secret has 12 to 64 printable characters without blanks");
}

function assertSpeakablePath(path: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
  if (!/^\/[^\u0000-\u001f,]{1,1000}$/.test(path) || path.endsWith(" "))
    throw new DriverError(
      "not-done",
      "tgt cannot export a path with a comma, a control character or a blank at its end, or longer than 1,000",
    );
}
