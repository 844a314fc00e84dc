import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import ssh2, {
  type AuthContext,
  type Connection,
  type PublicKeyAuthContext,
  type ServerChannel,
  type Session,
} from "ssh2";
import type { Desk } from "./desk.ts";
import { LineReader } from "./line-reader.ts";
import { Listener } from "./listener.ts";
import { rememberedPort } from "./ports.ts";

export interface CommandAnswer {
  readonly stdout: string;
  readonly stderr?: string;
  /** "none": the channel closes without one. */
  readonly exitCode: number | "none";
}

/** Who runs a command, and their standard input and output while it runs. */
export interface CommandSession {
  readonly user: string;
  /** The next line of standard input; null: there is no more. */
  readLine(): Promise<string | null>;
  /** Ahead of the answer: a prompt. */
  write(text: string): void;
}

export interface SshUser {
  readonly name: string;
  readonly password?: string;
  /** In OpenSSH's form (`ssh-ed25519 AAAA…`). */
  readonly publicKeys?: readonly string[];
}

export interface SshServerOptions {
  readonly desk: Desk;
  readonly dataFolder: string;
  /** 0: any, the same again with the same data folder. */
  readonly port: number;
  /** What it calls itself: "SSH-2.0-" and this. */
  readonly ident: string;
  users(): readonly SshUser[];
  /** The vendor's name of the call that a command line is. */
  methodOf(line: string): string;
  /** The line is what the client asked to execute, unparsed. */
  run(line: string, session: CommandSession): Promise<CommandAnswer>;
  /** What the system says when it is too busy for this. */
  busy(line: string): CommandAnswer;
  /** Before each line of an interactive session; absent: there are none. */
  readonly prompt?: string;
}

export interface SimulatorSshServer extends AsyncDisposable {
  readonly port: number;
  /** As OpenSSH prints it: `SHA256:…`, of the key that is offered first. */
  readonly hostKeyFingerprint: string;
  /** `ssh-ed25519 AAAA…` */
  readonly hostKey: string;
  cutAll(): void;
}

export async function startSshServer(options: SshServerOptions): Promise<SimulatorSshServer> {
  const { desk, dataFolder } = options;
  const port = await rememberedPort(dataFolder, "ssh", options.port);
  const keyPem = await hostKey(dataFolder);
  const server = new ssh2.Server({ hostKeys: [keyPem], ident: options.ident }, (client, info) => {
    welcome(options, client, () => listener.cut(info.port));
  });
  const listener = await Listener.open(port, desk, (socket) => server.injectSocket(socket));
  const key = ssh2.utils.parseKey(keyPem);
  if (key instanceof Error) throw key;
  const publicKey = key.getPublicSSH();
  return {
    port: listener.port,
    hostKey: `${key.type} ${publicKey.toString("base64")}`,
    hostKeyFingerprint: fingerprint(publicKey),
    cutAll: () => listener.cutAll(),
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  };
}

async function hostKey(dataFolder: string): Promise<string> {
  const file = join(dataFolder, "ssh_host_key");
  const there = await readFile(file, "utf8").catch(() => null);
  if (there !== null) return there;
  const made = newKey();
  await writeFile(file, made, { mode: 0o600 });
  return made;
}

/** One in some hundred of those that ssh2 makes, it cannot read itself. */
function newKey(): string {
  for (;;) {
    const made = ssh2.utils.generateKeyPairSync("ed25519").private;
    if (!(ssh2.utils.parseKey(made) instanceof Error)) return made;
  }
}

function welcome(options: SshServerOptions, client: Connection, cut: () => void): void {
  let user = "";
  client.on("error", () => undefined);
  client.on("authentication", (context) => {
    user = context.username;
    const users = options.desk.faults.take("auth") === null ? options.users() : [];
    authenticate(users.find(({ name }) => name === user) ?? null, context);
  });
  client.on("ready", () => {
    client.on("session", (accept) => openSession(options, accept(), user, cut));
  });
}

function openSession(options: SshServerOptions, session: Session, user: string, cut: () => void): void {
  session.on("pty", (accept) => accept?.());
  session.on("env", (accept) => accept?.());
  session.on("exec", (accept, _reject, { command }) => {
    const channel = accept();
    const lines = new LineReader(channel);
    void answer(options, channel, lines, user, command, cut).then((exitCode) => leave(channel, exitCode));
  });
  session.on("shell", (accept, reject) => {
    if (options.prompt === undefined) reject?.();
    else void interact(options, accept(), user, cut);
  });
}

/** null: there was no answer, and there is none to come. */
async function answer(
  options: SshServerOptions,
  channel: ServerChannel,
  lines: LineReader,
  user: string,
  line: string,
  cut: () => void,
): Promise<CommandAnswer["exitCode"] | null> {
  const session: CommandSession = {
    user,
    readLine: () => lines.next(),
    write: (text) => void channel.write(text),
  };
  const served = await options.desk
    .serve(options.methodOf(line), () => options.run(line, session))
    .catch((error: unknown) => {
      const failed: CommandAnswer = { stdout: "", stderr: `the simulator failed: ${String(error)}\n`, exitCode: 70 };
      return { kind: "answer", value: failed } as const;
    });
  if (served.kind === "cut") cut();
  if (served.kind === "cut" || served.kind === "silence") return null;
  const { stdout, stderr = "", exitCode } = served.kind === "refused" ? options.busy(line) : served.value;
  channel.write(stdout);
  if (stderr !== "") channel.stderr.write(stderr);
  return exitCode;
}

async function interact(options: SshServerOptions, channel: ServerChannel, user: string, cut: () => void) {
  const lines = new LineReader(channel);
  for (;;) {
    channel.write(options.prompt ?? "");
    const line = (await lines.next())?.trim();
    if (line === undefined || ["exit", "quit"].includes(line)) break;
    if (line !== "" && (await answer(options, channel, lines, user, line, cut)) === null) return;
  }
  leave(channel, 0);
}

function leave(channel: ServerChannel, exitCode: CommandAnswer["exitCode"] | null): void {
  if (exitCode === null) return;
  if (exitCode !== "none") channel.exit(exitCode);
  channel.end();
}

/** `user` null: nobody of that name may in. */
function authenticate(user: SshUser | null, context: AuthContext): void {
  const admit = (right: boolean): void => {
    if (right) context.accept();
    else context.reject(["password", "publickey", "keyboard-interactive"]);
  };
  const isPassword = (given: string | undefined): boolean => given !== undefined && given === user?.password;
  if (context.method === "password") admit(isPassword(context.password));
  else if (context.method === "publickey") admit(user !== null && hasKey(user, context));
  else if (context.method === "keyboard-interactive")
    context.prompt([{ prompt: "Password: ", echo: false }], (answers) => admit(isPassword(answers[0])));
  else admit(false);
}

/** Clients first ask whether a key will do, and then sign with it. */
function hasKey(user: SshUser, { key, signature, blob, hashAlgo }: PublicKeyAuthContext): boolean {
  return (user.publicKeys ?? []).some((text) => {
    const known = ssh2.utils.parseKey(text);
    if (known instanceof Error || !known.getPublicSSH().equals(key.data)) return false;
    return signature === undefined || blob === undefined || known.verify(blob, signature, hashAlgo) === true;
  });
}

function fingerprint(publicKey: Buffer): string {
  return `SHA256:${createHash("sha256").update(publicKey).digest("base64").replace(/=+$/, "")}`;
}
