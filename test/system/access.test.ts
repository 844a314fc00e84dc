import { randomBytes, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { berthCommandWith } from "#test/kit/berth-command.ts";
import { fake, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { Installation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { until } from "#test/kit/until.ts";
import { selfSigned } from "#test/simulators/kit/certificate.ts";

const ADMIN = "administrators-token-0001";
const MEMBER = "members-token-0000000001";

describe.skipIf(natsServerMissing() !== null)("over HTTPS, with tokens of a file", () => {
  let berth: Installation;
  let folder: string;
  const files = { cert: "", key: "", tokens: "", audit: "" };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "berth-access-"));
    for (const [name, file] of [
      ["cert", "api.crt"],
      ["key", "api.key"],
      ["tokens", "tokens.json"],
      ["audit", "audit.log"],
    ] as const)
      files[name] = join(folder, file);
    const { certificatePem, keyPem } = selfSigned(randomBytes(8));
    writeFileSync(files.cert, certificatePem);
    writeFileSync(files.key, keyPem, { mode: 0o600 });
    writeFileSync(join(folder, "ca.pem"), certificatePem);
    writeTokens({ token: MEMBER, user: "ann", project: "lab", roles: ["member"] });
    berth = await Installation.start({
      catalogue: () => goldCatalogue(["north"], fake("fake")),
      agentsPerZone: 1,
      access: { token: ADMIN, project: "ops", ca: certificatePem },
      settings: {
        BERTH_AUTH: `tokens:${files.tokens}`,
        BERTH_TLS_CERT: files.cert,
        BERTH_TLS_KEY: files.key,
        BERTH_AUDIT_LOG: files.audit,
      },
    });
  });
  afterAll(async () => {
    await berth?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(() => berth.tellLogsOnFailure());

  function writeTokens(...more: readonly object[]): void {
    const tokens = [{ token: ADMIN, user: "root", project: "ops", roles: ["admin"] }, ...more];
    writeFileSync(files.tokens, JSON.stringify({ tokens }), { mode: 0o600 });
  }

  function command(token: string | null, ...argv: readonly string[]) {
    const own = { BERTH_CA: join(folder, "ca.pem"), ...(token === null ? {} : { BERTH_TOKEN: token }) };
    return berthCommandWith(own, berth, ...argv);
  }

  test("the command line works with a token, and says what is missing without", async () => {
    const made = await command(MEMBER, "volume", "create", "--size", "1", "--name", "data", "--wait", "--json");
    expect(made).toMatchObject({ exitCode: 0, err: "" });
    expect(JSON.parse(made.out).volume).toMatchObject({ status: "available", project: "lab" });
    expect((await command(ADMIN, "status")).exitCode).toBe(0);
    const none = await command(null, "volume", "list");
    expect(none.exitCode).toBe(1);
    expect(none.err).toContain("BERTH_TOKEN");
    const notAdmin = await command(MEMBER, "backend", "list");
    expect([notAdmin.exitCode, notAdmin.err]).toEqual([1, expect.stringContaining("the role admin")]);
    const other = await command(MEMBER, "volume", "list", "--project", "shop");
    expect(other.err).toContain("another project than the token");
  });

  test("the audit log has each write, refused ones as well, and no token", async () => {
    await command(MEMBER, "zone", "create", "east");
    const text = readFileSync(files.audit, "utf8");
    const lines = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines).toContainEqual(
      expect.objectContaining({ userId: "ann", projectId: "lab", method: "POST", route: "/v3/volumes", status: 202 }),
    );
    expect(lines).toContainEqual(
      expect.objectContaining({ userId: "ann", method: "POST", route: "/berth/v1/zones", status: 403 }),
    );
    for (const secret of [ADMIN, MEMBER]) expect(text).not.toContain(secret);
    for (const secret of [ADMIN, MEMBER]) expect(berth.scheduler.logged(secret)).toEqual([]);
  });

  test("a token that is taken out of the file is worth nothing", async () => {
    writeTokens();
    await until("it is refused", async () => (await command(MEMBER, "volume", "list")).exitCode === 1);
    expect((await command(ADMIN, "volume", "list")).exitCode).toBe(0);
  });

  test("a certificate that is renewed is served without a restart", async () => {
    const { certificatePem, keyPem } = selfSigned(randomBytes(8));
    writeFileSync(files.cert, certificatePem);
    writeFileSync(files.key, keyPem);
    const { fingerprint256 } = new X509Certificate(certificatePem);
    const { port } = new URL(berth.client.url);
    await until("the new one is shown", async () => {
      const socket = connect({ host: "127.0.0.1", port: Number(port), rejectUnauthorized: false });
      await once(socket, "secureConnect");
      const shown = socket.getPeerCertificate().fingerprint256;
      socket.destroy();
      return shown === fingerprint256;
    });
    rmSync(join(folder, "ca.pem"));
    writeFileSync(join(folder, "ca.pem"), certificatePem);
    expect((await command(ADMIN, "status")).exitCode).toBe(0);
  });
});
