import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { ConnectionInfo } from "#shared/model/attachment.ts";
import { type CallContext, type ChapCredentials, DriverError } from "../drivers/driver.ts";
import { targetIqn } from "../drivers/names.ts";
import type { ExportedVolume, IscsiExport } from "./iscsi-export.ts";
import { freeTid, scsiIdOf, serialOf } from "./tgt/identity.ts";
import { MODE, OP, type TgtAnswer, TgtdNotRunning, TgtManagement } from "./tgt/management.ts";
import { parseTargets, type TgtTarget } from "./tgt/state.ts";

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
    const targets = await this.#targets(context);
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

  async remove(context: CallContext, volumeId: string): Promise<void> {
    const target = await this.#find(context, volumeId);
    if (target !== undefined) await this.#destroy(context, target);
  }

  async allow(context: CallContext, volumeId: string, initiator: string | null): Promise<void> {
    const target = await this.#find(context, volumeId);
    if (target === undefined) throw new DriverError("not-done", `volume ${volumeId} is not exported`);
    await this.#letIn(context, target.tid, initiator ?? EVERYBODY);
  }

  /** Ends the sessions of who is no longer let in as well: a host that was sent away must not write any more. */
  async disallow(context: CallContext, volumeId: string, initiator: string | null): Promise<void> {
    const target = await this.#find(context, volumeId);
    if (target === undefined) return;
    const leaving = initiator ?? EVERYBODY;
    await this.#change(context, "send an initiator away", {
      ...{ mode: MODE.target, op: OP.unbind, tid: target.tid, text: ruleFor(leaving) },
      accept: ["this access control rule does not exist"],
    });
    const staying = target.letIn.filter((rule) => rule !== leaving);
    await this.#endSessions(context, target, (name) => !staying.includes(EVERYBODY) && !staying.includes(name));
  }

  async refreshSize(context: CallContext, volume: ExportedVolume): Promise<void> {
    assertSpeakablePath(volume.path);
    const target = await this.#find(context, volume.volumeId);
    if (target === undefined) return;
    // In one request, so that no initiator's command can come between; opening the path anew puts it online again.
    await this.#change(context, "take the new size", {
      ...{ mode: MODE.logicalUnit, op: OP.update, tid: target.tid, lun: LUN },
      text: `online=0,path=${volume.path}`,
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
  ): Promise<void> {
    const iqn = targetIqn(volume.volumeId);
    await this.#change(context, "make the target", { mode: MODE.target, op: OP.new, tid, text: `targetname=${iqn}` });
    await this.#change(context, "make the guard account", {
      ...{ mode: MODE.account, op: OP.new, text: `user=${GUARD_ACCOUNT},password=${randomBytes(24).toString("hex")}` },
      accept: ["this account already exists"],
    });
    await this.#change(context, "bind the guard account", {
      ...{ mode: MODE.account, op: OP.bind, tid, text: `user=${GUARD_ACCOUNT}` },
    });
    await this.#setAccount(context, { tid, accounts: [GUARD_ACCOUNT] }, chap);
    await this.#change(context, "make the logical unit", {
      ...{ mode: MODE.logicalUnit, op: OP.new, tid, lun: LUN, text: `path=${volume.path}` },
    });
    await this.#change(context, "name the logical unit", {
      ...{ mode: MODE.logicalUnit, op: OP.update, tid, lun: LUN },
      text: `vendor_id=BERTH,product_id=VOLUME,scsi_id=${scsiIdOf(volume.volumeId)},scsi_sn=${serialOf(volume.volumeId)}`,
    });
    for (const rule of letIn) await this.#letIn(context, tid, rule);
  }

  /** tgt tells no secret, so whether it has the right one cannot be asked: it is set anew. Sessions are not touched. */
  async #setAccount(
    context: CallContext,
    target: Pick<TgtTarget, "tid" | "accounts">,
    chap: ChapCredentials,
  ): Promise<void> {
    for (const user of new Set([...target.accounts, chap.username])) {
      if (user !== GUARD_ACCOUNT) await this.#deleteAccount(context, user);
    }
    await this.#change(context, "make the CHAP account", {
      ...{ mode: MODE.account, op: OP.new, text: `user=${chap.username},password=${chap.secret.reveal()}` },
    });
    await this.#change(context, "bind the CHAP account", {
      ...{ mode: MODE.account, op: OP.bind, tid: target.tid, text: `user=${chap.username}` },
    });
  }

  async #deleteAccount(context: CallContext, user: string): Promise<void> {
    await this.#change(context, "delete the CHAP account", {
      ...{ mode: MODE.account, op: OP.delete, text: `user=${user}`, accept: ["can't find the account"] },
    });
  }

  /** Reads back what stands. If it is not what was asked for, it is taken down: no export is better than a wrong one. */
  async #verify(context: CallContext, volume: ExportedVolume, chap: ChapCredentials): Promise<void> {
    const target = await this.#find(context, volume.volumeId);
    if (target !== undefined && stands(target, volume) && target.accounts.includes(chap.username)) return;
    if (target !== undefined) await this.#destroy(context, target);
    throw new DriverError("not-done", `tgtd does not export volume ${volume.volumeId} as it was told`);
  }

  async #destroy(context: CallContext, target: TgtTarget): Promise<void> {
    for (const rule of target.letIn) {
      await this.#change(context, "send an initiator away", {
        ...{ mode: MODE.target, op: OP.unbind, tid: target.tid, text: ruleFor(rule) },
        accept: ["this access control rule does not exist", "can't find the target"],
      });
    }
    for (const user of target.accounts) if (user !== GUARD_ACCOUNT) await this.#deleteAccount(context, user);
    await this.#endSessions(context, target, () => true);
    for (let waited = 0; waited < BUSY_WAITS; waited++) {
      const answer = await this.#change(context, "remove the target", {
        ...{ mode: MODE.target, op: OP.delete, tid: target.tid, force: true },
        accept: ["can't find the target", "this logical unit is still active"],
      });
      if (answer !== "this logical unit is still active") return;
      await wait(BUSY_WAIT_MS);
    }
    throw new DriverError("unknown", `I/O on ${target.iqn} does not end`);
  }

  async #endSessions(context: CallContext, target: TgtTarget, leaves: (initiator: string) => boolean): Promise<void> {
    for (const session of target.sessions.filter((session) => leaves(session.initiator)))
      for (const connectionId of session.connectionIds)
        await this.#change(context, "end a session", {
          ...{ mode: MODE.connection, op: OP.delete, tid: target.tid, sessionId: session.id, connectionId },
          accept: ["can't find the session", "can't find the connection", "can't find the target"],
        });
  }

  async #letIn(context: CallContext, tid: number, rule: string): Promise<void> {
    await this.#change(context, "let an initiator in", {
      ...{ mode: MODE.target, op: OP.bind, tid, text: ruleFor(rule) },
      accept: ["this access control rule already exists"],
    });
  }

  async #change(
    context: CallContext,
    what: string,
    { accept, ...request }: Parameters<TgtManagement["change"]>[2] & { readonly accept?: readonly TgtAnswer[] },
  ): Promise<TgtAnswer> {
    return await this.#management.change(context, what, request, accept ?? []);
  }

  async #targets(context: CallContext): Promise<TgtTarget[]> {
    return parseTargets(await this.#management.show(context));
  }

  /** A tgtd that does not run has no targets: what is to be taken down is down. */
  async #find(context: CallContext, volumeId: string): Promise<TgtTarget | undefined> {
    try {
      return (await this.#targets(context)).find((target) => target.iqn === targetIqn(volumeId));
    } catch (error) {
      if (error instanceof TgtdNotRunning) return undefined;
      throw error;
    }
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

function ruleFor(initiator: string): string {
  return /^(iqn|eui|naa)\./.test(initiator) ? `initiator-name=${initiator}` : `initiator-address=${initiator}`;
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
