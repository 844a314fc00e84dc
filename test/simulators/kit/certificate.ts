import { createHash, generateKeyPairSync, randomBytes, sign, X509Certificate } from "node:crypto";

/** What an HTTPS server needs, and what a client can pin. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
  /** SHA-256 of the certificate, as browsers and OpenSSL write it: `AB:CD:…`. */
  readonly fingerprint: string;
}

const DAY_MS = 86_400_000;
const TAG = { integer: 0x02, bits: 0x03, octets: 0x04, oid: 0x06, utf8: 0x0c, time: 0x18, sequence: 0x30, set: 0x31 };
/** ecdsa-with-SHA256, commonName, subjectAltName, basicConstraints: their object identifiers, as DER has them. */
const OID = { ecdsaSha256: "2a8648ce3d040302", commonName: "550403", altName: "551d11", constraints: "551d13" };

/** Signed by itself, for 127.0.0.1 and the name, good for ten years. In a millisecond, and without another program. */
export function selfSignedCertificate(name: string, nowMs = Date.now()): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = sequence(oid(OID.ecdsaSha256));
  const subject = sequence(der(TAG.set, sequence(oid(OID.commonName), der(TAG.utf8, Buffer.from(name)))));
  const serial = Buffer.concat([Buffer.from([0x01]), randomBytes(8)]);
  const body = sequence(
    explicit(0, der(TAG.integer, Buffer.from([2]))),
    der(TAG.integer, serial),
    algorithm,
    subject,
    sequence(time(nowMs - DAY_MS), time(nowMs + 3650 * DAY_MS)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    explicit(3, sequence(extension(OID.constraints, authority()), extension(OID.altName, alternatives(name)))),
  );
  const signature = sign("sha256", body, privateKey);
  const whole = sequence(body, algorithm, der(TAG.bits, Buffer.from([0]), signature));
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: new X509Certificate(whole).toString(),
    fingerprint: fingerprintOf(whole),
  };
}

export function fingerprintOf(certificate: Buffer): string {
  const digits = createHash("sha256").update(certificate).digest("hex").toUpperCase();
  return digits.replace(/(..)(?=.)/g, "$1:");
}

/** It signs itself, so it can be told as an authority as well. */
function authority(): Buffer {
  return sequence(der(0x01, Buffer.from([0xff])));
}

function alternatives(name: string): Buffer {
  return sequence(
    der(0x82, Buffer.from(name)),
    der(0x82, Buffer.from("localhost")),
    der(0x87, Buffer.from([127, 0, 0, 1])),
  );
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), der(TAG.octets, value));
}

function oid(digits: string): Buffer {
  return der(TAG.oid, Buffer.from(digits, "hex"));
}

function time(atMs: number): Buffer {
  const text = new Date(atMs).toISOString().replace(/[-:T]|\.\d+/g, "");
  return der(TAG.time, Buffer.from(text));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(TAG.sequence, ...parts);
}

function explicit(number: number, part: Buffer): Buffer {
  return der(0xa0 + number, part);
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}
