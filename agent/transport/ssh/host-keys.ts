import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../files.ts";

/** The key that an SSH server must show: pinned by the operator, or the one that it showed when it was first met. */
export interface HostKeys {
  /** null: it is right, or was not known and is from now on. Else what is wrong. */
  judge(host: string, port: number, key: Buffer): Promise<string | null>;
}

/** `pinned` is a fingerprint (`SHA256:…`) or a whole public key (`ssh-ed25519 AAAA…`); null: learnt, and kept in `folder`. */
export function hostKeys(pinned: string | null, folder: string): HostKeys {
  return {
    async judge(host, port, key) {
      const shown = sshFingerprint(key);
      const known = pinned === null ? await learnt(folder, host, port, shown) : pinnedFingerprint(pinned);
      if (known === shown) return null;
      const how = pinned === null ? `the one that it had before (${known}, in ${folder})` : `the pinned ${known}`;
      return `its host key is ${shown} and not ${how}`;
    },
  };
}

/** As OpenSSH prints it. */
export function sshFingerprint(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

function pinnedFingerprint(pinned: string): string {
  if (pinned.startsWith("SHA256:")) return pinned.replace(/=+$/, "");
  const [first = "", second = first] = pinned.trim().split(/\s+/);
  return sshFingerprint(Buffer.from(second, "base64"));
}

/** What is known of it, and if that is nothing: what it shows now. Agents of one host share the folder. */
async function learnt(folder: string, host: string, port: number, shown: string): Promise<string> {
  const file = join(folder, `${encodeURIComponent(host)}_${port}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    await writeFile(file, `${shown}\n`, { flag: "wx", mode: 0o600 });
    return shown;
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  }
  return (await readFile(file, "utf8")).trim();
}
