import { randomBytes } from "node:crypto";
import { XenFailure } from "./failure.ts";
import { type Method, method, str, type Xapi } from "./method.ts";
import { NULL_REF, newRef, now, text } from "./values.ts";

const IDLE_MS = 24 * 3_600_000;
const PER_ORIGINATOR = 500;

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Who is logged in. After a restart nobody is. */
export class Sessions {
  readonly #xapi: Xapi;
  readonly #credentials: Credentials;
  readonly #lastActiveMs = new Map<string, number>();

  constructor(xapi: Xapi, credentials: Credentials) {
    this.#xapi = xapi;
    this.#credentials = credentials;
  }

  login(user: string, password: string, originator: string, host: string): string {
    const { database, desk } = this.#xapi;
    const right = user === this.#credentials.user && password === this.#credentials.password;
    if (!right || desk.faults.take("auth", "session.login_with_password") !== null)
      throw new XenFailure("SESSION_AUTHENTICATION_FAILED", user, "Authentication failure");
    const theirs = [...database.table("session")].filter(([, row]) => row.originator === originator);
    for (const [oldest] of theirs.slice(0, Math.max(0, theirs.length - PER_ORIGINATOR + 1))) this.drop(oldest);
    const ref = database.add("session", {
      uuid: randomBytes(16).toString("hex"),
      this_host: host,
      this_user: newRef(),
      last_active: now(),
      is_local_superuser: true,
      validation_time: now(),
      auth_user_name: user,
      subject: NULL_REF,
      originator,
    });
    this.#lastActiveMs.set(ref, Date.now());
    return ref;
  }

  /** @throws XenFailure SESSION_INVALID */
  use(ref: string): void {
    const last = this.#lastActiveMs.get(ref);
    if (last === undefined || Date.now() - last > IDLE_MS) {
      this.drop(ref);
      throw new XenFailure("SESSION_INVALID", ref);
    }
    this.#lastActiveMs.set(ref, Date.now());
  }

  drop(ref: string): void {
    this.#lastActiveMs.delete(ref);
    this.#xapi.database.remove("session", ref);
  }

  dropAll(): void {
    for (const ref of [...this.#lastActiveMs.keys()]) this.drop(ref);
  }

  /** Of its own session only, as far as a client needs them. */
  methods(): Method[] {
    const alone = { async: false } as const;
    return [
      method(
        "session.logout",
        [],
        "void",
        ({ session }) => {
          this.drop(session);
          return "";
        },
        alone,
      ),
      method(
        "session.local_logout",
        [],
        "void",
        ({ session }) => {
          this.drop(session);
          return "";
        },
        alone,
      ),
      method("session.get_all_subject_identifiers", [], "set", () => [], alone),
      method(
        "session.change_password",
        ["string", "string"],
        "void",
        (_caller, args) => {
          if (str(args, 0) !== this.#credentials.password)
            throw new XenFailure("CHANGE_PASSWORD_REJECTED", "wrong password");
          throw new XenFailure("OPERATION_NOT_ALLOWED", "this simulator keeps its password");
        },
        alone,
      ),
    ];
  }

  hostOf(ref: string): string {
    return text(this.#xapi.database.get("session", ref), "this_host");
  }
}
