import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Type } from "typebox";
import { parser } from "#shared/schema.ts";

const LogIn = parser(
  Type.Object({
    auth: Type.Object({
      identity: Type.Object({
        methods: Type.Array(Type.String()),
        password: Type.Optional(Type.Object({ user: Type.Object({ password: Type.String() }) })),
        application_credential: Type.Optional(Type.Object({ secret: Type.String() })),
      }),
    }),
  }),
);

export interface DoubleToken {
  readonly userId: string;
  readonly projectId: string | null;
  readonly roles: readonly string[];
  readonly expiresAt: string;
}

/** What a request is answered with in place of the right answer; `hang`: not at all. */
export type Fault = number | "hang" | "cut" | "nonsense";

/** A stand-in for Keystone's `/v3/auth/tokens`, for what the real one does not do at will. */
export class KeystoneDouble implements AsyncDisposable {
  readonly tokens = new Map<string, DoubleToken>();
  /** Of Berth's own account. */
  password = "the-password";
  /** Tokens that were given to it and are good still. */
  readonly ownTokens = new Set<string>();
  ownTokenExpiresAt = "2099-01-01T00:00:00.000000Z";
  /** As "POST" and "GET <token asked about>". */
  readonly asked: string[] = [];
  /** By turns, for questions about tokens. */
  readonly faults: Fault[] = [];
  /** Awaited before a question about a token is answered. */
  hold: Promise<void> = Promise.resolve();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<KeystoneDouble> {
    const double = new KeystoneDouble();
    double.#server.listen(0, "127.0.0.1");
    await once(double.#server, "listening");
    return double;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("it does not listen");
    return `http://127.0.0.1:${address.port}`;
  }

  get questions(): string[] {
    return this.asked.filter((what) => what.startsWith("GET"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const chunk of request.setEncoding("utf8")) text += String(chunk);
    if (request.url?.split("?")[0] !== "/v3/auth/tokens") send(response, 404, {});
    else if (request.method === "POST") this.#logIn(response, JSON.parse(text));
    else await this.#tell(request, response);
  }

  #logIn(response: ServerResponse, body: unknown): void {
    this.asked.push("POST");
    const { identity } = LogIn.parse(body).auth;
    const given = identity.password?.user.password ?? identity.application_credential?.secret;
    if (given !== this.password) {
      send(response, 401, { error: { code: 401 } });
      return;
    }
    const token = randomBytes(16).toString("hex");
    this.ownTokens.add(token);
    response.setHeader("x-subject-token", token);
    send(response, 201, { token: { expires_at: this.ownTokenExpiresAt, project: { id: "logged-in" } } });
  }

  async #tell(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const subject = String(request.headers["x-subject-token"]);
    this.asked.push(`GET ${subject}`);
    await this.hold;
    const fault = this.faults.shift();
    if (fault === "hang") return;
    if (fault === "cut") response.destroy();
    else if (fault === "nonsense") response.writeHead(200).end("<html>");
    else if (fault !== undefined) send(response, fault, {});
    else if (!this.ownTokens.has(String(request.headers["x-auth-token"]))) send(response, 401, {});
    else {
      const known = this.tokens.get(subject);
      if (known === undefined) send(response, 404, {});
      else send(response, 200, { token: tokenBody(known) });
    }
  }
}

function tokenBody({ userId, projectId, roles, expiresAt }: DoubleToken): object {
  return {
    methods: ["password"],
    expires_at: expiresAt,
    user: { id: userId, name: "somebody", domain: { id: "default", name: "Default" } },
    ...(projectId === null ? {} : { project: { id: projectId, name: "a project", domain: { id: "default" } } }),
    roles: roles.map((name) => ({ id: `id-of-${name}`, name })),
  };
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
