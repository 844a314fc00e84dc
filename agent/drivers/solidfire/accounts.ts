import { createHash, randomInt } from "node:crypto";
import type { CallContext } from "../driver.ts";
import { DriverError } from "../driver.ts";
import { foundOrDone } from "../san/made-once.ts";
import { answers, type ElementAccount } from "./answers.ts";
import type { ElementClient } from "./client.ts";
import { isRefusal } from "./refusal.ts";

const MAX_NAME_LENGTH = 64;
const HASH_LENGTH = 16;
/** An account holds 2,000 volumes; the next one of a project has an underscore more. */
const ACCOUNTS_PER_PROJECT = 5;
const SECRET_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const SECRET_LENGTH = 12;

/** The attribute of accounts that we make for a project, and of those that stand for one connection. */
const PROJECT = "berth-project";
const VOLUME = "berth-volume";

/**
 * Tenants. Volumes at rest are in their project's account, `<host>-<project>`, whose secret nobody is told: who knew it
 * would reach all of them. A volume that is connected is in an account of its own, which goes with the connection.
 */
export class Accounts {
  readonly #client: ElementClient;
  readonly #prefix: string;
  readonly #lookMs: number;
  /** Ids are never used again, so what is known of one stays true until it is removed. */
  readonly #idsByName = new Map<string, number>();
  readonly #projectsById = new Map<number, string | null>();

  constructor(client: ElementClient, prefix: string, lookMs: number) {
    this.#client = client;
    this.#prefix = prefix;
    this.#lookMs = lookMs;
  }

  /** Does what needs an account of the project in one that has room, looked up or made. */
  async inProject<T>(context: CallContext, projectId: string, work: (accountId: number) => Promise<T>): Promise<T> {
    for (let number = 0; ; number++) {
      const name = this.#nameOf(projectId, number);
      const known = this.#idsByName.has(name);
      const accountId = await this.#project(context, name, projectId);
      try {
        return await work(accountId);
      } catch (error) {
        if (known && isRefusal(error, "xAccountIDDoesNotExist")) {
          this.#idsByName.delete(name);
          number -= 1;
        } else if (!isRefusal(error, "xExceededLimit") || !(await this.#isFull(context, accountId))) throw error;
        else if (number + 1 === ACCOUNTS_PER_PROJECT)
          throw new DriverError("not-done", `all accounts of project ${projectId} hold as many volumes as they may`);
      }
    }
  }

  /** Is it an account of this project: by our mark, or by its name? One that is gone is nobody's. */
  async isOfProject(context: CallContext, accountId: number, projectId: string): Promise<boolean> {
    const known = this.#projectsById.get(accountId);
    if (known !== undefined) return known === projectId;
    const account = await this.byId(context, accountId);
    if (account === null) return false;
    const marked = account.attributes?.[PROJECT];
    const ours = marked === projectId || (marked === undefined && this.#isNamedAfter(account.username, projectId));
    if (ours) this.#projectsById.set(accountId, projectId);
    return ours;
  }

  async byId(context: CallContext, accountId: number): Promise<ElementAccount | null> {
    const call = { method: "GetAccountByID", params: { accountID: accountId }, answer: answers.account } as const;
    return await this.#orNone(this.#client.call(context, { ...call, does: "read" }));
  }

  /** The account of one connection, with the secret that the host is told. */
  async openDoor(context: CallContext, volumeId: string, username: string, secret: string): Promise<ElementAccount> {
    const find = () => this.#byName(context, username);
    const attributes = { [VOLUME]: volumeId };
    const account = await foundOrDone({ context, lookMs: this.#lookMs }, find, () =>
      this.#add(context, username, secret, attributes),
    );
    if (!isDoorOf(account, volumeId))
      throw new DriverError("not-done", `there is an account ${username} already, and it is not this volume's`);
    if (account.initiatorSecret === secret && account.status === "active") return account;
    await this.#modify(context, account.accountID, { initiatorSecret: secret, targetSecret: secret, status: "active" });
    return account;
  }

  /** Ends the sessions of who came in by it. */
  async lock(context: CallContext, accountId: number): Promise<void> {
    await this.#modify(context, accountId, { status: "locked" });
  }

  /** May accounts be looked at? */
  async look(context: CallContext): Promise<void> {
    await this.#list(context, { limit: 1 });
  }

  /** All that were made for connections to the volume, and are of no use now. */
  async removeDoors(context: CallContext, volumeId: string): Promise<void> {
    const accounts = await this.#list(context);
    for (const account of accounts.filter((one) => isDoorOf(one, volumeId)))
      await this.remove(context, account.accountID);
  }

  async remove(context: CallContext, accountId: number): Promise<void> {
    const call = { method: "RemoveAccount", params: { accountID: accountId }, answer: answers.nothing } as const;
    await this.#orNone(this.#client.call(context, { ...call, does: "change" }));
  }

  async #project(context: CallContext, name: string, projectId: string): Promise<number> {
    const known = this.#idsByName.get(name);
    if (known !== undefined) return known;
    const find = () => this.#byName(context, name);
    const make = () => this.#add(context, name, randomSecret(), { [PROJECT]: projectId });
    const { accountID } = await foundOrDone({ context, lookMs: this.#lookMs }, find, make);
    this.#idsByName.set(name, accountID);
    return accountID;
  }

  async #list(context: CallContext, params: object = {}): Promise<ElementAccount[]> {
    const call = { method: "ListAccounts", params, answer: answers.accounts, does: "read" } as const;
    return (await this.#client.call(context, call)).accounts;
  }

  async #byName(context: CallContext, username: string): Promise<ElementAccount | null> {
    const call = { method: "GetAccountByName", params: { username }, answer: answers.account } as const;
    return await this.#orNone(this.#client.call(context, { ...call, does: "read" }));
  }

  /** Who was quicker made the same: it is taken. */
  async #add(context: CallContext, username: string, secret: string, attributes: object): Promise<ElementAccount> {
    const params = { username, initiatorSecret: secret, targetSecret: secret, attributes };
    try {
      await this.#client.call(context, { method: "AddAccount", params, answer: answers.createdAccount, does: "make" });
    } catch (error) {
      if (!isRefusal(error, "xDuplicateUsername")) throw error;
    }
    const account = await this.#byName(context, username);
    if (account === null) throw new DriverError("unknown", `the account ${username} was made and is not there`);
    return account;
  }

  async #modify(context: CallContext, accountID: number, fields: object): Promise<void> {
    const params = { accountID, ...fields };
    await this.#client.call(context, { method: "ModifyAccount", params, answer: answers.nothing, does: "change" });
  }

  async #isFull(context: CallContext, accountId: number): Promise<boolean> {
    const { volumesPerAccountCountMax } = await this.#client.call(context, {
      method: "GetLimits",
      answer: answers.limits,
      does: "read",
    });
    const account = await this.byId(context, accountId);
    return account !== null && account.volumes.length >= volumesPerAccountCountMax;
  }

  async #orNone<T extends { readonly account?: ElementAccount }>(call: Promise<T>): Promise<ElementAccount | null> {
    try {
      return (await call).account ?? null;
    } catch (error) {
      if (isRefusal(error, "xUnknownAccount", "xAccountIDDoesNotExist")) return null;
      throw error;
    }
  }

  #nameOf(projectId: string, number: number): string {
    return fitting(`${this.#prefix}-${projectId}`, MAX_NAME_LENGTH - number) + "_".repeat(number);
  }

  #isNamedAfter(username: string, projectId: string): boolean {
    return username.replace(/_+$/, "") === this.#nameOf(projectId, 0).replace(/_+$/, "");
  }
}

export function isDoorOf({ attributes }: Pick<ElementAccount, "attributes">, volumeId: string): boolean {
  return attributes?.[VOLUME] === volumeId;
}

/** What is too long keeps its beginning, and gets a hash of the whole in place of its end. */
export function fitting(name: string, maxLength: number): string {
  if (name.length <= maxLength) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, HASH_LENGTH);
  return `${name.slice(0, maxLength - HASH_LENGTH - 1)}-${hash}`;
}

function randomSecret(): string {
  return Array.from({ length: SECRET_LENGTH }, () => SECRET_LETTERS.charAt(randomInt(SECRET_LETTERS.length))).join("");
}
