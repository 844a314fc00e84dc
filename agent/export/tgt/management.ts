import { type CallContext, DriverError } from "../../drivers/driver.ts";
import { assertMayChange, assertNotAborted } from "../../transport/changing.ts";
import { parseTargets, type TgtTarget } from "./state.ts";
import { exchange, MODE, OP, type TgtAnswer, type TgtRequest } from "./wire.ts";

/** Where tgtd listens when it is started with `-C controlPort`; TGT_IPC_SOCKET is tgt's own variable for another place. */
export function tgtSocketPath(controlPort: number): string {
  return `${process.env.TGT_IPC_SOCKET || "/run/tgtd/socket"}.${controlPort}`;
}

/**
 * What tgtd can be told, one request each. What stands already, or is gone already, is no failure, except where said.
 * Values are text that the caller has checked: tgtd's requests have commas between their parts and no quoting.
 */
export class TgtManagement {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  async targets(context: CallContext): Promise<TgtTarget[]> {
    assertNotAborted(context);
    const { answer, text } = await exchange(context, this.#socketPath, { mode: MODE.target, op: OP.show });
    if (answer !== "success") throw new DriverError("unknown", `tgtd does not tell its targets: ${answer}`);
    return parseTargets(text);
  }

  /** Fails when the number or the name is taken. */
  async createTarget(context: CallContext, tid: number, iqn: string): Promise<void> {
    await this.#change(context, "make the target", { mode: MODE.target, op: OP.new, tid, text: `targetname=${iqn}` });
  }

  /** With everything in it and whatever its sessions. `busy`: I/O is in flight, nothing was done. */
  async deleteTarget(context: CallContext, tid: number): Promise<"done" | "busy"> {
    const request: TgtRequest = { mode: MODE.target, op: OP.delete, tid, force: true };
    const fine: TgtAnswer[] = ["can't find the target", "this logical unit is still active"];
    const answer = await this.#change(context, "remove the target", request, fine);
    return answer === "this logical unit is still active" ? "busy" : "done";
  }

  async addUnit(context: CallContext, tid: number, lun: number, path: string): Promise<void> {
    const request: TgtRequest = { mode: MODE.logicalUnit, op: OP.new, tid, lun, text: `path=${path}` };
    await this.#change(context, "make the logical unit", request);
  }

  async setUnit(
    context: CallContext,
    tid: number,
    lun: number,
    settings: Readonly<Record<string, string>>,
  ): Promise<void> {
    const text = Object.entries(settings)
      .map(([name, value]) => `${name}=${value}`)
      .join(",");
    await this.#change(context, "set the logical unit", { mode: MODE.logicalUnit, op: OP.update, tid, lun, text });
  }

  /**
   * So that it has the size that its file has. In one request: no initiator's command can come between, and opening the
   * path anew puts it online again. One that is half made, or half taken down, opens the file at its own time.
   */
  async reopenUnit(context: CallContext, tid: number, lun: number, path: string): Promise<void> {
    const text = `online=0,path=${path}`;
    const fine: TgtAnswer[] = ["can't find the target", "can't find the logical unit"];
    await this.#change(
      context,
      "reopen the logical unit",
      { mode: MODE.logicalUnit, op: OP.update, tid, lun, text },
      fine,
    );
  }

  async letIn(context: CallContext, tid: number, who: string): Promise<void> {
    const request: TgtRequest = { mode: MODE.target, op: OP.bind, tid, text: rule(who) };
    await this.#change(context, "let an initiator in", request, ["this access control rule already exists"]);
  }

  async sendAway(context: CallContext, tid: number, who: string): Promise<void> {
    const request: TgtRequest = { mode: MODE.target, op: OP.unbind, tid, text: rule(who) };
    const fine: TgtAnswer[] = ["this access control rule does not exist", "can't find the target"];
    await this.#change(context, "send an initiator away", request, fine);
  }

  async endConnection(context: CallContext, tid: number, sessionId: number, connectionId: number): Promise<void> {
    const request: TgtRequest = { mode: MODE.connection, op: OP.delete, tid, sessionId, connectionId };
    const fine: TgtAnswer[] = ["can't find the session", "can't find the connection", "can't find the target"];
    await this.#change(context, "end a session", request, fine);
  }

  /** An account that stands already keeps its secret. */
  async addAccount(context: CallContext, user: string, password: string): Promise<void> {
    const request: TgtRequest = { mode: MODE.account, op: OP.new, text: `user=${user},password=${password}` };
    await this.#change(context, "make an account", request, ["this account already exists"]);
  }

  async bindAccount(context: CallContext, tid: number, user: string): Promise<void> {
    const request: TgtRequest = { mode: MODE.account, op: OP.bind, tid, text: `user=${user}` };
    await this.#change(context, "bind an account", request, ["this account already exists"]);
  }

  /** From every target that it is bound to as well. */
  async deleteAccount(context: CallContext, user: string): Promise<void> {
    const request: TgtRequest = { mode: MODE.account, op: OP.delete, text: `user=${user}` };
    await this.#change(context, "delete an account", request, ["can't find the account"]);
  }

  async #change(
    context: CallContext,
    what: string,
    request: TgtRequest,
    fine: readonly TgtAnswer[] = [],
  ): Promise<TgtAnswer> {
    assertMayChange(context);
    const { answer } = await exchange(context, this.#socketPath, request);
    if (answer !== "success" && !fine.includes(answer))
      throw new DriverError("not-done", `tgtd did not ${what}: ${answer}`);
    return answer;
  }
}

function rule(who: string): string {
  return /^(iqn|eui|naa)\./.test(who) ? `initiator-name=${who}` : `initiator-address=${who}`;
}
