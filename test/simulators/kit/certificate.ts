import { generateKeyPairSync, randomBytes, sign, X509Certificate } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const YEARS = 30;

export interface ServerCertificate {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly certificateFile: string;
  /** SHA-256, as `openssl x509 -fingerprint` and browsers write it: `AB:CD:…`. */
  readonly fingerprint: string;
}

/** The simulator's own certificate, signed by itself, for 127.0.0.1 and localhost: made once a data folder. */
export async function serverCertificate(dataFolder: string): Promise<ServerCertificate> {
  const certificateFile = join(dataFolder, "certificate.pem");
  const keyFile = join(dataFolder, "key.pem");
  const there = await Promise.all([readFile(certificateFile, "utf8"), readFile(keyFile, "utf8")]).catch(() => null);
  if (there === null) {
    const made = selfSigned(randomBytes(8));
    await writeFile(keyFile, made.keyPem, { mode: 0o600 });
    await writeFile(certificateFile, made.certificatePem);
    return { ...made, certificateFile, fingerprint: new X509Certificate(made.certificatePem).fingerprint256 };
  }
  const [certificatePem, keyPem] = there;
  return { certificatePem, keyPem, certificateFile, fingerprint: new X509Certificate(certificatePem).fingerprint256 };
}

/** X.509 version 3 (RFC 5280) with an EC key, in DER by hand: Node can read certificates and make none. */
export function selfSigned(serial: Buffer): { readonly certificatePem: string; readonly keyPem: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = sequence(oid([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));
  const name = sequence(set(sequence(oid([0x55, 0x04, 0x03]), der(0x0c, Buffer.from("simulator")))));
  const alternativeNames = sequence(der(0x82, Buffer.from("localhost")), der(0x87, Buffer.from([127, 0, 0, 1])));
  const isAuthority = sequence(der(0x01, Buffer.from([0xff])));
  const extensions = sequence(
    sequence(oid([0x55, 0x1d, 0x11]), der(0x04, alternativeNames)),
    sequence(oid([0x55, 0x1d, 0x13]), der(0x04, isAuthority)),
  );
  const keyInfo = publicKey.export({ type: "spki", format: "der" });
  const from = new Date();
  const until = new Date(from);
  until.setUTCFullYear(from.getUTCFullYear() + YEARS);
  const content = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([0x01]), serial])),
    algorithm,
    name,
    sequence(time(from), time(until)),
    name,
    keyInfo,
    der(0xa3, extensions),
  );
  const signature = sign("sha256", content, privateKey);
  const certificate = sequence(content, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature])));
  return {
    certificatePem: pem("CERTIFICATE", certificate),
    keyPem: String(privateKey.export({ type: "pkcs8", format: "pem" })),
  };
}

function der(tag: number, content: Buffer): Buffer {
  const length = content.length;
  const lengthBytes = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...lengthBytes]), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function set(...parts: Buffer[]): Buffer {
  return der(0x31, Buffer.concat(parts));
}

function oid(bytes: readonly number[]): Buffer {
  return der(0x06, Buffer.from(bytes));
}

/** GeneralizedTime, to the second. */
function time(at: Date): Buffer {
  return der(0x18, Buffer.from(`${at.toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`));
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
