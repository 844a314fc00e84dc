import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { Type } from "typebox";
import { dieWithParent } from "#shared/die-with-parent.ts";
import { parser } from "#shared/schema.ts";
import { freePort } from "./free-port.ts";
import { until } from "./until.ts";

const MANAGE = "/usr/bin/keystone-manage";
/** Its own `keystone-wsgi-public` answers one after another, and waits for ever for a connection that says nothing. */
const SERVE = `
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server
port = int(sys.argv.pop())
from keystone.server.wsgi import initialize_public_application
class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
make_server("127.0.0.1", port, initialize_public_application(), server_class=Server).serve_forever()
`;
/** It makes a hundred tables. */
const SET_UP_LIMIT_MS = 180_000;
const START_LIMIT_MS = 60_000;
const ADMIN_PASSWORD = "the administrators' own";
const KEPT_OUTPUT = 20_000;

let told = false;

/** Why tests that need Keystone cannot run here, or null: for `describe.skipIf`. Says so once. */
export function keystoneMissing(): string | null {
  if (existsSync(MANAGE)) return null;
  const why = "keystone is not installed (sh deploy/install-packages.sh --with-tests installs it)";
  if (!told) console.warn(`skipped: ${why}`);
  told = true;
  return why;
}

const MADE = parser(Type.Record(Type.String(), Type.Object({ id: Type.String() })), "what Keystone made");
const ROLES = parser(Type.Object({ roles: Type.Array(Type.Object({ id: Type.String() })) }), "Keystone's roles");
const IDS = parser(Type.Object({ users: Type.Array(Type.Object({ id: Type.String() })) }), "Keystone's users");
const APPLICATION_CREDENTIAL = parser(
  Type.Object({ application_credential: Type.Object({ id: Type.String(), secret: Type.String() }) }),
);

/** OpenStack's Keystone itself, on loopback, with a database of its own that goes with it. */
export class Keystone implements AsyncDisposable {
  readonly folder: string;
  readonly url: string;
  readonly #port: number;
  #child: ChildProcess | null = null;
  #output = "";

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** `tokenLifeS`: for how long its tokens are good. */
  static async start(tokenLifeS: number): Promise<Keystone> {
    await using parts = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), "berth-keystone-"));
    parts.defer(() => rm(folder, { recursive: true, force: true }));
    const keystone = parts.use(new Keystone(folder, await freePort()));
    await keystone.#setUp(tokenLifeS);
    await keystone.up();
    parts.move();
    return keystone;
  }

  async up(): Promise<void> {
    const args = ["-c", SERVE, String(this.#port)];
    const line = dieWithParent({ command: "/usr/bin/python3", args });
    const child = spawn(line.command, line.args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env.PATH, OS_KEYSTONE_CONFIG_FILES: join(this.folder, "keystone.conf") },
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        this.#output = (this.#output + String(chunk)).slice(-KEPT_OUTPUT);
      });
    this.#child = child;
    await until(
      "Keystone answers",
      async () => {
        if (child.exitCode !== null) throw new Error(`Keystone ended: ${this.#output}`);
        return (await fetch(`${this.url}/v3`)).ok;
      },
      START_LIMIT_MS,
    );
  }

  async down(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  }

  async createProject(name: string): Promise<string> {
    return await this.#make("projects", { project: { name } });
  }

  /** A user, whose password is their name, with this role in the project; the user's id. */
  async createUser(name: string, projectId: string, role: string): Promise<string> {
    const id = await this.#make("users", { user: { name, password: name } });
    await this.#asAdmin("PUT", `projects/${projectId}/users/${id}/roles/${await this.#role(role)}`);
    return id;
  }

  /** Of a user whose password is their name, with their roles in the project. */
  async createApplicationCredential(user: string, projectId: string): Promise<{ id: string; secret: string }> {
    const token = await this.tokenOf(user, { project: { id: projectId } });
    const { id } = IDS.parse(await (await this.#asAdmin("GET", `users?name=${user}`)).json()).users[0] ?? { id: "" };
    const body = { application_credential: { name: "berth" } };
    const answer = await this.#send("POST", `users/${id}/application_credentials`, body, token);
    return APPLICATION_CREDENTIAL.parse(await answer.json()).application_credential;
  }

  /** Of a user whose password is their name. */
  async tokenOf(user: string, scope: object): Promise<string> {
    return await this.#logIn(user, user, scope);
  }

  async revoke(token: string): Promise<void> {
    const headers = { "x-auth-token": token, "x-subject-token": token };
    const answer = await fetch(`${this.url}/v3/auth/tokens`, { method: "DELETE", headers });
    if (answer.status !== 204) throw new Error(`not revoked: HTTP ${answer.status}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
    await rm(this.folder, { recursive: true, force: true });
  }

  async #setUp(tokenLifeS: number): Promise<void> {
    const keys = (name: string): string => join(this.folder, name);
    const settings = [
      "[DEFAULT]",
      "use_stderr = true",
      "[database]",
      `connection = sqlite:///${join(this.folder, "keystone.db")}`,
      "[token]",
      "provider = fernet",
      `expiration = ${tokenLifeS}`,
      "[fernet_tokens]",
      `key_repository = ${keys("fernet")}`,
      "[credential]",
      `key_repository = ${keys("credential")}`,
      // Nobody is kept out here.
      "[identity]",
      "password_hash_rounds = 4",
      // So that what is revoked is so at once.
      "[cache]",
      "enabled = false",
    ];
    await writeFile(join(this.folder, "keystone.conf"), `${settings.join("\n")}\n`);
    const who = [`--keystone-user=${process.getuid?.() ?? 0}`, `--keystone-group=${process.getgid?.() ?? 0}`];
    await this.#manage("db_sync");
    this.#letReadersBe();
    await this.#manage("fernet_setup", ...who);
    await this.#manage("credential_setup", ...who);
    const urls = ["admin", "internal", "public"].map((name) => `--bootstrap-${name}-url=${this.url}/v3`);
    await this.#manage("bootstrap", `--bootstrap-password=${ADMIN_PASSWORD}`, "--bootstrap-region-id=here", ...urls);
  }

  /** Its sessions that only read stay open for a while, and must not keep others from writing. */
  #letReadersBe(): void {
    using database = new DatabaseSync(join(this.folder, "keystone.db"));
    database.exec("PRAGMA journal_mode = WAL");
  }

  async #manage(...words: string[]): Promise<void> {
    const args = [MANAGE, `--config-file=${join(this.folder, "keystone.conf")}`, ...words];
    await promisify(execFile)("/usr/bin/python3", args, { timeout: SET_UP_LIMIT_MS, maxBuffer: 64 * 1024 * 1024 });
  }

  async #role(name: string): Promise<string> {
    const [known] = ROLES.parse(await (await this.#asAdmin("GET", `roles?name=${name}`)).json()).roles;
    return known?.id ?? (await this.#make("roles", { role: { name } }));
  }

  async #make(path: string, body: object): Promise<string> {
    const answer = MADE.parse(await (await this.#asAdmin("POST", path, body)).json());
    return Object.values(answer)[0]?.id ?? "";
  }

  async #asAdmin(method: string, path: string, body?: object): Promise<Response> {
    const token = await this.#logIn("admin", ADMIN_PASSWORD, { project: { name: "admin", domain: { id: "default" } } });
    return await this.#send(method, path, body, token);
  }

  async #send(method: string, path: string, body: object | undefined, token: string): Promise<Response> {
    const answer = await fetch(`${this.url}/v3/${path}`, {
      method,
      headers: { "content-type": "application/json", "x-auth-token": token },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok)
      throw new Error(`Keystone: ${method} ${path}: ${answer.status} ${await answer.text()}\n${this.#output}`);
    return answer;
  }

  async #logIn(name: string, password: string, scope: object): Promise<string> {
    const user = { name, domain: { id: "default" }, password };
    const auth = { identity: { methods: ["password"], password: { user } }, scope };
    const answer = await fetch(`${this.url}/v3/auth/tokens`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ auth }),
    });
    const token = answer.headers.get("x-subject-token");
    if (token === null) throw new Error(`Keystone gives ${name} no token: ${answer.status} ${await answer.text()}`);
    return token;
  }
}
