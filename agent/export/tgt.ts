import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { crashPoint } from "#shared/crash-point.ts";
import type { ConnectionInfo } from "#shared/model/attachment.ts";
import { type CallContext, type ChapCredentials, DriverError } from "../drivers/driver.ts";
import { targetIqn, volumeOfIqn } from "../drivers/names.ts";
import type { ExportedVolume, IscsiExport, StandingExport } from "./iscsi-export.ts";
import { freeTid, scsiIdOf, serialOf } from "./tgt/identity.ts";
import { TgtManagement } from "./tgt/management.ts";
import type { TgtTarget } from "./tgt/state.ts";
import { TgtdNotRunning } from "./tgt/wire.ts";

export interface TgtSetting {
  /** tgtd's management socket, see `tgtSocketPath`. Agent and tgtd must be of one user. */
  readonly socketPath: string;
  /** Where initiators find tgtd: `host:port`, an IPv6 address in brackets. */
  readonly portal: string;
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
  readonly #portal: string;

  constructor(setting: TgtSetting) {
    this.#management = new TgtManagement(setting.socketPath);
    this.#portal = setting.portal;
  }

  async ensure(context: CallContext, volume: ExportedVolume, chap: ChapCredentials): Promise<void> {
    assertSpeakable(volume, chap);
    const targets = await this.#management.targets(context);
    const iqn = targetIqn(volume.volumeId);
    if (targets.some((target) => target.iqn !== iqn && target.accounts.includes(chap.username)))
      throw new DriverError("not-done", `the CHAP user ${chap.username} is another target's`);

    const found = targets.find((target) => target.iqn === iqn);
    if (found !== undefined && stands(found, volume)) {
      await this.#setAccount(context, found, chap);
    } else {
      if (found !== undefined) await this.#destroy(context, found);
      const taken = new Set(targets.map((target) => target.tid));
      await this.#build(context, freeTid(iqn, taken), volume, chap, found?.letIn ?? []);
    }
    await this.#verify(context, volume, chap);
  }

  async remove(context: CallContext, volumeId: string, path?: string): Promise<void> {
    const target = await this.#find(context, volumeId);
    if (target === undefined) return;
    const served = target.luns.find(({ lun }) => lun === LUN)?.path;
    if (path !== undefined && served !== undefined && served !== path) return;
    await this.#destroy(context, target);
  }

  async allow(context: CallContext, volumeId: string, initiator: string | null): Promise<void> {
    const target = await this.#find(context, volumeId);
    if (target === undefined) throw new DriverError("not-done", `volume ${volumeId} is not exported`);
    await this.#management.letIn(context, target.tid, initiator ?? EVERYBODY);
  }

  /** Ends the sessions of who is no longer let in as well: a host that was sent away must not write any more. */
  async disallow(context: CallContext, volumeId: string, initiator: string | null): Promise<void> {
    const target = await this.#find(context, volumeId);
    if (target === undefined) return;
    const leaving = initiator ?? EVERYBODY;
    await this.#management.sendAway(context, target.tid, leaving);
    crashPoint("host-sent-away");
    const staying = target.letIn.filter((who) => who !== leaving);
    await this.#endSessions(context, target, (name) => !staying.includes(EVERYBODY) && !staying.includes(name));
  }

  async refreshSize(context: CallContext, volume: ExportedVolume): Promise<void> {
    assertSpeakablePath(volume.path);
    const target = await this.#find(context, volume.volumeId);
    if (target === undefined) return;
    // In one request, so that no initiator's command can come between; opening the path anew puts it online again.
    await this.#management.setUnit(context, target.tid, LUN, { online: "0", path: volume.path });
  }

  async exported(context: CallContext): Promise<readonly StandingExport[]> {
    return (await this.#targets(context)).flatMap(({ iqn, luns, letIn }) => {
      const volumeId = volumeOfIqn(iqn);
      if (volumeId === null) return [];
      const path = luns.find(({ lun }) => lun === LUN)?.path ?? null;
      return [{ volumeId, path, letIn: letIn.map((who) => (who === EVERYBODY ? null : who)) }];
    });
  }

  connectionInfo(volumeId: string, chap: ChapCredentials): ConnectionInfo {
    return {
      driverVolumeType: "iscsi",
      data: {
        target_discovered: false,
        target_portal: this.#portal,
        target_iqn: targetIqn(volumeId),
        target_lun: LUN,
        volume_id: volumeId,
        auth_method: "CHAP",
        auth_username: chap.username,
        access_mode: "rw",
      },
    };
  }

  /** Nobody is let in before all else stands; who was let in before a rebuild is let in again. */
  async #build(
    context: CallContext,
    tid: number,
    volume: ExportedVolume,
    chap: ChapCredentials,
    letIn: readonly string[],
  ) {
    const tgt = this.#management;
    await tgt.createTarget(context, tid, targetIqn(volume.volumeId));
    crashPoint("target-made");
    await tgt.addAccount(context, GUARD_ACCOUNT, randomBytes(24).toString("hex"));
    await tgt.bindAccount(context, tid, GUARD_ACCOUNT);
    await this.#setAccount(context, { tid, accounts: [] }, chap);
    crashPoint("chap-bound");
    await tgt.addUnit(context, tid, LUN, volume.path);
    crashPoint("lun-made");
    await tgt.setUnit(context, tid, LUN, {
      vendor_id: "BERTH",
      product_id: "VOLUME",
      scsi_id: scsiIdOf(volume.volumeId),
      scsi_sn: serialOf(volume.volumeId),
    });
    for (const who of letIn) await tgt.letIn(context, tid, who);
  }

  /** tgt tells no secret, so whether it has the right one cannot be asked: it is set anew. Sessions are not touched. */
  async #setAccount(context: CallContext, target: Pick<TgtTarget, "tid" | "accounts">, chap: ChapCredentials) {
    await this.#deleteAccounts(context, [...target.accounts, chap.username]);
    await this.#management.addAccount(context, chap.username, chap.secret.reveal());
    await this.#management.bindAccount(context, target.tid, chap.username);
  }

  async #deleteAccounts(context: CallContext, users: readonly string[]): Promise<void> {
    for (const user of new Set(users)) if (user !== GUARD_ACCOUNT) await this.#management.deleteAccount(context, user);
  }

  /** Reads back what stands. If it is not what was asked for, it is taken down: no export is better than a wrong one. */
  async #verify(context: CallContext, volume: ExportedVolume, chap: ChapCredentials): Promise<void> {
    const target = await this.#find(context, volume.volumeId);
    if (target !== undefined && stands(target, volume) && target.accounts.includes(chap.username)) return;
    if (target !== undefined) await this.#destroy(context, target);
    throw new DriverError("not-done", `tgtd does not export volume ${volume.volumeId} as it was told`);
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

  async #find(context: CallContext, volumeId: string): Promise<TgtTarget | undefined> {
    return (await this.#targets(context)).find((target) => target.iqn === targetIqn(volumeId));
  }
}

/** Is it all there, as this program builds it? Who is let in is not asked here. */
function stands(target: TgtTarget, volume: ExportedVolume): boolean {
  const unit = target.luns.find(({ lun }) => lun === LUN);
  return (
    target.accounts[0] === GUARD_ACCOUNT &&
    target.luns.length === 2 &&
    unit !== undefined &&
    unit.path === volume.path &&
    unit.online &&
    !unit.readonly &&
    unit.scsiId === scsiIdOf(volume.volumeId) &&
    unit.serial === serialOf(volume.volumeId)
  );
}

/** tgt's requests are text with commas between the parts: nothing with a comma can be said in them. */
function assertSpeakable(volume: ExportedVolume, chap: ChapCredentials): void {
  assertSpeakablePath(volume.path);
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
