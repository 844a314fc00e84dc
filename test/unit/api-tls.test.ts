import { randomBytes, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { createDoor } from "#scheduler/api/door.ts";
import { Front, type Standing } from "#scheduler/api/front.ts";
import { ServedCertificate } from "#scheduler/api/served-certificate.ts";
import { openApiStand } from "#test/kit/api-stand.ts";
import { freePort } from "#test/kit/free-port.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { until } from "#test/kit/until.ts";
import { selfSigned } from "#test/simulators/kit/certificate.ts";

interface Files {
  readonly certFile: string;
  readonly keyFile: string;
  readonly lines: string[];
  readonly served: ServedCertificate;
}

function pair(): ReturnType<typeof selfSigned> {
  return selfSigned(randomBytes(8));
}

function open(made = pair(), caFile: string | null = null): Files {
  const folder = temporaryFolder();
  const [certFile, keyFile] = [join(folder, "api.crt"), join(folder, "api.key")];
  writeFileSync(certFile, made.certificatePem);
  writeFileSync(keyFile, made.keyPem);
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const served = new ServedCertificate({ certFile, keyFile, caFile }, log);
  onTestFinished(() => served.close());
  return { certFile, keyFile, lines, served };
}

/** A door with this certificate that answers "hello"; its port. */
async function door(served: ServedCertificate): Promise<number> {
  const server = createDoor(served, (_request, response) => response.end("hello"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("it does not listen");
  return address.port;
}

async function shaken(port: number, options: object = {}): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ...options });
  onTestFinished(() => void socket.destroy());
  await once(socket, "secureConnect");
  return socket;
}

async function shownBy(port: number): Promise<string> {
  return (await shaken(port)).getPeerCertificate().fingerprint256;
}

function fingerprint({ certificatePem }: { readonly certificatePem: string }): string {
  return new X509Certificate(certificatePem).fingerprint256;
}

test("a new certificate is served when both of its files are there; connections that are open go on", async () => {
  const [first, second] = [pair(), pair()];
  const { certFile, keyFile, lines, served } = open(first);
  const port = await door(served);
  const kept = await shaken(port);
  expect(kept.getPeerCertificate().fingerprint256).toBe(fingerprint(first));
  writeFileSync(certFile, second.certificatePem);
  await until("half of the change is refused", () => lines.some((line) => line.includes("the old one goes on")));
  expect(await shownBy(port)).toBe(fingerprint(first));
  writeFileSync(keyFile, second.keyPem);
  await until("the change", async () => (await shownBy(port)) === fingerprint(second));
  expect(lines.join()).toContain("a new certificate is served");
  kept.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
  const [answer] = await once(kept, "data");
  expect(String(answer)).toContain("200 OK");
  expect(lines.join()).not.toContain("PRIVATE");
});

test("TLS older than 1.2 is not spoken, nor plain HTTP", async () => {
  const { served } = open();
  const port = await door(served);
  expect((await shaken(port)).getProtocol()).toBe("TLSv1.3");
  expect((await shaken(port, { maxVersion: "TLSv1.2" })).getProtocol()).toBe("TLSv1.2");
  await expect(
    shaken(port, { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }),
  ).rejects.toThrow();
  await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
});

test.each([
  ["a key of another certificate", pair().keyPem, "is not that of the certificate"],
  ["no key", "nonsense", "no certificate and key"],
])("%s is refused at the start", (_what, keyPem, why) => {
  expect(() => open({ certificatePem: pair().certificatePem, keyPem })).toThrow(why);
});

test("a CA file that is not there is told at the start", () => {
  expect(() => open(pair(), "/nonexistent/ca.pem")).toThrow("BERTH_TLS_CA cannot be read");
});

test("schedulers hand on to each other over TLS, and only to whom they believe", async () => {
  const stand = await openApiStand();
  onTestFinished(() => stand.api.close());
  await stand.api.ready();
  const front = async (served: ServedCertificate, standing: () => Standing): Promise<string> => {
    const log = pino({ level: "silent" });
    const made = new Front({ schedulerId: "front", standing, tls: served, log });
    const port = await freePort();
    await made.listen({ host: "127.0.0.1", port });
    onTestFinished(() => made.close());
    return `https://127.0.0.1:${port}`;
  };
  const shared = pair();
  const leader = await front(open(shared).served, () => ({
    role: "leader",
    api: stand.api,
    isCurrent: true,
    ledgerSeq: 7,
  }));
  const standing = (): Standing => ({ role: "standby", leaderUrl: leader, ledgerSeq: 0 });
  const ask = async (url: string, path: string): Promise<string> => {
    const { hostname, port } = new URL(url);
    const socket = await shaken(Number(port), { host: hostname });
    socket.write(`GET ${path} HTTP/1.1\r\nhost: storage.example:8776\r\nconnection: close\r\n\r\n`);
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    return text;
  };
  // The same certificate on all: no CA is needed.
  const same = await front(open(shared).served, standing);
  const listed = await ask(same, "/v3/p/volumes/detail?limit=1");
  expect(listed).toContain("200 OK");
  // Links lead where the client is, and how it came.
  expect(await ask(same, "/v3")).toContain("https://storage.example:8776/v3/");
  expect(await ask(same, "/berth/v1/health")).toContain('"role":"standby"');
  const other = pair();
  const stranger = await front(open(other).served, standing);
  expect(await ask(stranger, "/v3/p/volumes")).toContain("503");
  const caFile = join(temporaryFolder(), "ca.pem");
  writeFileSync(caFile, shared.certificatePem);
  const believing = await front(open(other, caFile).served, standing);
  expect(await ask(believing, "/v3/p/volumes")).toContain("200 OK");
});
