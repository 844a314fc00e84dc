import { readFileSync } from "node:fs";
import { failure, usageFailure } from "./failure.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const LOG_IN_DEADLINE_MS = 15_000;
const NEXT = "Check the OS_ variables, or give a token as BERTH_TOKEN; unset OS_AUTH_URL where Berth asks for none.";

export interface Token {
  readonly token: string;
  /** The project that it is for; null: it does not say. */
  readonly projectId: string | null;
}

/** How `berth` shows who asks. */
export interface Credentials {
  /** Fetched once, when it is needed. Throws a Failure. */
  token(): Promise<Token>;
}

/** A token that was given, or the OpenStack variables (`openrc`) to get one with; null: there is neither, as with noauth. */
export function credentialsOf(given: string | undefined, env: Environment): Credentials | null {
  const token = given ?? (env.BERTH_TOKEN || env.OS_TOKEN);
  if (token !== undefined && token !== "") return { token: async () => ({ token, projectId: null }) };
  const { OS_AUTH_URL: url } = env;
  if (url === undefined || url === "") return null;
  const identity = identityOf(env);
  if (identity === null) return null;
  let fetched: Promise<Token> | null = null;
  return {
    token() {
      fetched ??= logIn(url, identity, env);
      return fetched;
    },
  };
}

/** Certificates (PEM) that this process believes beside those that Node knows: for schedulers with a CA of one's own. */
export async function trustAuthorities(env: Environment): Promise<void> {
  const file = env.BERTH_CA || env.OS_CACERT;
  if (file === undefined || file === "") return;
  const tls = await import("node:tls");
  let own: string;
  try {
    own = readFileSync(file, "utf8");
  } catch (cause) {
    throw usageFailure(
      `the CA file ${file} cannot be read: ${String(cause)}`,
      "Set BERTH_CA or OS_CACERT to a PEM file.",
    );
  }
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), own]);
}

function identityOf(env: Environment): object | null {
  const { OS_APPLICATION_CREDENTIAL_ID: id, OS_APPLICATION_CREDENTIAL_SECRET: secret, OS_PASSWORD: password } = env;
  if (id && secret) return { methods: ["application_credential"], application_credential: { id, secret } };
  if (!password) return null;
  const user = env.OS_USER_ID
    ? { id: env.OS_USER_ID }
    : { name: env.OS_USERNAME, domain: domainOf(env, "OS_USER_DOMAIN") };
  return { methods: ["password"], password: { user: { ...user, password } } };
}

function domainOf(env: Environment, prefix: "OS_USER_DOMAIN" | "OS_PROJECT_DOMAIN"): object {
  const name = env[`${prefix}_NAME`];
  return name ? { name } : { id: env[`${prefix}_ID`] || "default" };
}

function scopeOf(env: Environment): object {
  if (env.OS_PROJECT_ID) return { scope: { project: { id: env.OS_PROJECT_ID } } };
  if (!env.OS_PROJECT_NAME) return {};
  return { scope: { project: { name: env.OS_PROJECT_NAME, domain: domainOf(env, "OS_PROJECT_DOMAIN") } } };
}

async function logIn(address: string, identity: object, env: Environment): Promise<Token> {
  const url = `${address.replace(/\/+(v3\/*)?$/, "")}/v3/auth/tokens`;
  const isScoped = !("application_credential" in identity);
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ auth: { identity, ...(isScoped ? scopeOf(env) : {}) } }),
    signal: AbortSignal.timeout(LOG_IN_DEADLINE_MS),
  }).catch((cause: unknown) => {
    throw failure("E_KEYSTONE", `Keystone cannot be reached at ${url}`, { cause, next: NEXT });
  });
  const token = response.headers.get("x-subject-token");
  if (response.status !== 201 || token === null) {
    const why = response.status === 401 ? "it refuses the user or the password" : `HTTP ${response.status}`;
    throw failure("E_UNAUTHENTICATED", `Keystone at ${url} gives no token: ${why}`, { next: NEXT });
  }
  return { token, projectId: await projectIn(response) };
}

async function projectIn(response: Response): Promise<string | null> {
  const [{ IssuedToken }, { parser }] = await Promise.all([import("./answers.ts"), import("#shared/schema.ts")]);
  const answer: unknown = await response.json().catch(() => null);
  return parser(IssuedToken).check(answer) ? (answer.token.project?.id ?? null) : null;
}
