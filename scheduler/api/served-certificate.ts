import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { RequestListener, ServerOptions } from "node:http";
import { createServer, type Server } from "node:https";
import { rootCertificates } from "node:tls";
import { BerthError } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";
import { FileWatch } from "../catalogue/watch.ts";

const LOOK_EVERY_MS = 5_000;
/** TLS 1.0 and 1.1 are withdrawn (RFC 8996). */
const MIN_VERSION = "TLSv1.2";

export interface CertificateFiles {
  /** The certificate, then those that lead to its authority (PEM). */
  readonly certFile: string;
  readonly keyFile: string;
  /** Who the other schedulers' certificates are signed by; null: who Node knows, or this very certificate. */
  readonly caFile: string | null;
}

interface Pair {
  readonly cert: string;
  readonly key: string;
}

/**
 * The certificate that the API is served with. When its files change the new one is taken for new connections; those that
 * are open go on. A pair that does not fit (one file is written before the other) is not taken, and the old one goes on.
 */
export class ServedCertificate {
  readonly #files: CertificateFiles;
  readonly #log: Logger;
  readonly #watches: readonly FileWatch[];
  readonly #servers: Server[] = [];
  #pair: Pair;
  #isBroken = false;

  /** Throws E_CONFIG. */
  constructor(files: CertificateFiles, log: Logger) {
    this.#files = files;
    this.#log = log;
    this.#pair = readPair(files);
    this.peerAuthorities();
    this.#watches = [files.certFile, files.keyFile].map(
      (path) =>
        new FileWatch({
          path,
          intervalMs: LOOK_EVERY_MS,
          look: () => this.#look(),
          restless: () => this.#isBroken,
        }),
    );
  }

  createServer(options: ServerOptions, answer: RequestListener): Server {
    const server = createServer({ ...options, ...this.#pair, minVersion: MIN_VERSION }, answer);
    this.#servers.push(server);
    return server;
  }

  /** Whose word counts for who another scheduler is. Throws E_CONFIG. */
  peerAuthorities(): readonly string[] {
    const { caFile } = this.#files;
    return caFile === null ? [...rootCertificates, this.#pair.cert] : [read("BERTH_TLS_CA", caFile)];
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
  }

  #look(): void {
    try {
      const pair = readPair(this.#files);
      this.#isBroken = false;
      if (pair.cert === this.#pair.cert && pair.key === this.#pair.key) return;
      for (const server of this.#servers) server.setSecureContext({ ...pair, minVersion: MIN_VERSION });
      this.#pair = pair;
      const { subject, validTo } = new X509Certificate(pair.cert);
      this.#log.info({ subject, validTo }, "a new certificate is served");
    } catch (error) {
      if (!this.#isBroken) this.#log.error({ err: error }, "the new certificate is not taken; the old one goes on");
      this.#isBroken = true;
    }
  }
}

function readPair({ certFile, keyFile }: CertificateFiles): Pair {
  const pair = { cert: read("BERTH_TLS_CERT", certFile), key: read("BERTH_TLS_KEY", keyFile) };
  let fits: boolean;
  try {
    fits = new X509Certificate(pair.cert).checkPrivateKey(createPrivateKey(pair.key));
  } catch (cause) {
    throw new BerthError("E_CONFIG", `${certFile} and ${keyFile} are no certificate and key in PEM`, { cause });
  }
  if (!fits) throw new BerthError("E_CONFIG", `the key in ${keyFile} is not that of the certificate in ${certFile}`);
  return pair;
}

function read(setting: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new BerthError("E_CONFIG", `${setting} cannot be read: ${file}`, { cause });
  }
}
