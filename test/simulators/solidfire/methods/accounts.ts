import { randomInt } from "node:crypto";
import type { Cluster } from "../cluster.ts";
import { ElementError, exceeded, invalid } from "../element-error.ts";
import type { Parameters } from "../parameters.ts";
import type { Account } from "../state.ts";
import { accountView } from "../views.ts";
import { attributesOf, type Methods, pageFrom } from "./method.ts";

export const accountMethods: Methods = {
  AddAccount: {
    since: "1.0",
    run(cluster, parameters) {
      const { state } = cluster;
      const username = parameters.name("username");
      assertFree(cluster, username, null);
      if (standing(cluster).length >= cluster.options.limits.accountCountMax)
        throw exceeded("The number of accounts has reached its limit.");
      const given = {
        initiatorSecret: secretOf(cluster, parameters, "initiatorSecret") ?? randomSecret(),
        targetSecret: secretOf(cluster, parameters, "targetSecret") ?? randomSecret(),
        attributes: attributesOf(parameters) ?? {},
        enableChap: parameters.optionalFlag("enableChap") ?? true,
      };
      const account: Account = { id: cluster.nextId("account"), username, status: "active", ...given };
      state.accounts.push(account);
      return { accountID: account.id, account: accountView(cluster, account) };
    },
  },
  GetAccountByName: {
    since: "1.0",
    run(cluster, parameters) {
      const username = parameters.text("username");
      const account = standing(cluster).find((one) => one.username === username);
      if (account === undefined) throw new ElementError("xUnknownAccount", "xUnknownAccount");
      return { account: accountView(cluster, account) };
    },
  },
  GetAccountByID: {
    since: "1.0",
    run: (cluster, parameters) => ({ account: accountView(cluster, cluster.account(parameters.id("accountID"))) }),
  },
  ListAccounts: {
    since: "1.0",
    run: (cluster, parameters) => ({
      accounts: pageFrom(standing(cluster), parameters, "startAccountID").map((one) => accountView(cluster, one)),
    }),
  },
  ModifyAccount: {
    since: "1.0",
    async run(cluster, parameters) {
      const account = cluster.account(parameters.id("accountID"));
      const username = parameters.has("username") ? parameters.name("username") : account.username;
      assertFree(cluster, username, account);
      const changed: Account = {
        ...account,
        username,
        status: parameters.oneOf("status", ["active", "locked"]) ?? account.status,
        initiatorSecret: secretOf(cluster, parameters, "initiatorSecret") ?? account.initiatorSecret,
        targetSecret: secretOf(cluster, parameters, "targetSecret") ?? account.targetSecret,
        attributes: attributesOf(parameters) ?? account.attributes,
        enableChap: parameters.optionalFlag("enableChap") ?? account.enableChap,
      };
      Object.assign(account, changed);
      // Who is locked out loses its sessions at once; a new secret counts from the next login.
      await cluster.exportAccount(account.id);
      return { account: accountView(cluster, account) };
    },
  },
  RemoveAccount: {
    since: "1.0",
    run(cluster, parameters) {
      const { state } = cluster;
      const account = cluster.account(parameters.id("accountID"));
      if (state.volumes.some(({ accountId }) => accountId === account.id))
        throw new ElementError(
          "xAccountHasVolumes",
          `AccountID ${account.id} has volumes; delete and purge them before removing the account.`,
        );
      state.accounts = state.accounts.filter((one) => one !== account);
      return {};
    },
  },
};

function standing({ state }: Cluster): Account[] {
  return state.accounts.filter(({ status }) => status !== "removed");
}

function assertFree(cluster: Cluster, username: string, itself: Account | null): void {
  if (standing(cluster).some((one) => one !== itself && one.username === username))
    throw new ElementError("xDuplicateUsername", `An account named ${username} exists already.`);
}

function secretOf(cluster: Cluster, parameters: Parameters, name: string): string | null {
  const secret = parameters.optionalText(name);
  const { secretLengthMin, secretLengthMax } = cluster.options.limits;
  if (secret === null) return null;
  if (secret.length < secretLengthMin || secret.length > secretLengthMax)
    throw invalid(`${name} must have ${secretLengthMin} to ${secretLengthMax} characters`);
  return secret;
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

function randomSecret(): string {
  return Array.from({ length: 14 }, () => LETTERS.charAt(randomInt(LETTERS.length))).join("");
}
