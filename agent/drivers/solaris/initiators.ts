import { createHash, randomInt, randomUUID } from "node:crypto";
import { Secret } from "#shared/secret.ts";
import { type CallContext, type ChapCredentials, DriverError } from "../driver.ts";
import { groupMembers } from "./comstar.ts";
import { linesOf, type SolarisHost } from "./host.ts";
import { unless } from "./refusal.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/** COMSTAR takes 12 to 255 characters, some initiators 12 to 16. */
const SECRET_LENGTH = 16;
const SECRET_PATTERN = /^[\x21-\x7e]{12,255}$/;
/** Without an underscore. */
const KNOWN_NAME = /^iqn\.[a-z0-9.:-]{1,219}$/;
/** In the home folder of the login. */
const SECRETS_FOLDER = ".berth-chap";

/**
 * Leaves the secret of an initiator in a file, the one that is there or else the one that it is given on its standard
 * input, and tells it. Whole or not at all, and never a second one: that is what `ln` does.
 */
const KEEP_SECRET =
  'umask 077; mkdir -p "$1"; cat > "$1/.$2.$3" && ln "$1/.$2.$3" "$1/$2" 2>/dev/null; rm -f "$1/.$2.$3"; cat "$1/$2"';

/**
 * COMSTAR knows an initiator by one secret for all targets of the host. It tells it to nobody, so we keep it beside: in a
 * file of the login's that only it can read, where all agents find it.
 */
export class Initiators {
  readonly #host: SolarisHost;

  constructor(host: SolarisHost) {
    this.#host = host;
  }

  /** The initiator's host group stands, with the initiator in it and nobody else, and it has a CHAP secret. */
  async ensure(context: CallContext, initiator: string): Promise<{ group: string; chap: ChapCredentials }> {
    const name = initiator.toLowerCase();
    if (!KNOWN_NAME.test(name))
      throw new DriverError("not-done", `COMSTAR takes no initiator that is called ${initiator}`);
    const group = groupOf(name);
    const chap = await this.#chap(context, name);
    const members = (await groupMembers(context, this.#host, "hg", group)).get(group) ?? [];
    if (members.length === 1 && members[0] === name) return { group, chap };
    if (members.length > 0) throw new DriverError("not-done", `the host group ${group} has other members`);
    await unless(["exists"], () => this.#host.comstar(context, "stmfadm", ["create-hg", group]));
    await unless(["exists"], () => this.#host.comstar(context, "stmfadm", ["add-hg-member", "-g", group, name]));
    const now = (await groupMembers(context, this.#host, "hg", group)).get(group) ?? [];
    if (!now.includes(name))
      throw new DriverError("not-done", `${name} is in another host group of the host already, and can be in one only`);
    return { group, chap };
  }

  async #chap(context: CallContext, name: string): Promise<ChapCredentials> {
    const file = createHash("sha256").update(name).digest("hex").slice(0, 32);
    const username = `berth-${file.slice(0, 16)}`;
    const told = await this.#host.script(context, KEEP_SECRET, [SECRETS_FOLDER, file, randomUUID()], {
      changes: true,
      input: newSecret(),
    });
    const secret = new Secret(told.trim());
    if (!SECRET_PATTERN.test(secret.reveal()))
      throw new DriverError("not-done", `the file ~/${SECRETS_FOLDER}/${file} on the host holds no CHAP secret`);
    const account = ["-u", username, "-S", `${SECRETS_FOLDER}/${file}`, name];
    const made = await unless(["exists"], () => this.#host.comstar(context, "itadm", ["create-initiator", ...account]));
    if (made === undefined) await this.#assertOurs(context, name, username, account);
    return { username, secret };
  }

  /** Somebody else's secret is not replaced: that would lock the host out of what it has by it. */
  async #assertOurs(context: CallContext, name: string, username: string, account: readonly string[]): Promise<void> {
    const text = await this.#host.readComstar(context, "itadm", ["list-initiator", name]);
    const row = linesOf(text)
      .map((line) => line.trim().split(/\s+/))
      .find(([found]) => found === name);
    if (row?.[1] !== username)
      throw new DriverError("not-done", `the initiator ${name} has a CHAP account on the host that is not ours`);
    if (row[2] !== "set") await this.#host.comstar(context, "itadm", ["modify-initiator", ...account]);
  }
}

export function groupOf(initiator: string): string {
  return `berth-${initiator.toLowerCase()}`;
}

function newSecret(): Secret {
  return new Secret(Array.from({ length: SECRET_LENGTH }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join(""));
}
