import { readFile } from "node:fs/promises";
import { TLSSocket } from "node:tls";
import { buildConnector } from "undici";
import { NotAdmitted, Unreachable } from "../failures.ts";

/** How a server shows who it is: by the authorities that this host knows, by a CA of the operator's, or by itself. */
export interface TlsTrust {
  /** A file with certificates (PEM) of those who are believed; null: the ones that Node knows. */
  readonly caFile: string | null;
  /** SHA-256 of the server's own certificate, in hexadecimal with or without colons; then nothing else of it counts. */
  readonly certificateFingerprint: string | null;
  /** false: whoever answers is believed. */
  readonly verify: boolean;
}

/** What Node calls the many ways in which a certificate is not good. */
const CERTIFICATE_FAULT = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS|SSL/;

/** Opens the connections of one backend; its failures say that nothing was sent. */
export async function createConnector(
  where: string,
  trust: TlsTrust,
  connectTimeoutMs: number,
): Promise<buildConnector.connector> {
  const { caFile, certificateFingerprint, verify } = trust;
  const connect = buildConnector({
    timeout: connectTimeoutMs,
    // A resumed session shows no certificate, and who is at the other end must be seen each time.
    maxCachedSessions: 0,
    rejectUnauthorized: verify && certificateFingerprint === null,
    ...(caFile === null ? {} : { ca: await readCa(caFile) }),
  });
  return (options, callback) => {
    connect(options, (error, socket) => {
      if (error !== null) {
        callback(failure(where, error), null);
        return;
      }
      const wrong = certificateFingerprint === null ? null : mismatch(socket, certificateFingerprint);
      if (wrong === null) {
        callback(null, socket);
        return;
      }
      socket.destroy();
      callback(new NotAdmitted(`${where} is not who it was: ${wrong}`), null);
    });
  };
}

async function readCa(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new NotAdmitted(`the CA file ${file} cannot be read on this host`, { cause });
  }
}

function mismatch(socket: unknown, pinned: string): string | null {
  if (!(socket instanceof TLSSocket)) return "it does not speak TLS, and a certificate is pinned";
  const shown = socket.getPeerCertificate().fingerprint256 ?? "none";
  return plain(shown) === plain(pinned) ? null : `its certificate is ${shown} and not the pinned one`;
}

function plain(fingerprint: string): string {
  return fingerprint.replaceAll(":", "").toLowerCase();
}

function failure(where: string, error: Error): Error {
  const code = "code" in error ? String(error.code) : "";
  return CERTIFICATE_FAULT.test(code)
    ? new NotAdmitted(`the certificate of ${where} is not trusted`, { cause: error })
    : new Unreachable(`${where} cannot be reached`, { cause: error });
}
