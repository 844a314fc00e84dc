import { accessors } from "./accessors.ts";
import { eventMethods } from "./events.ts";
import { XenFailure } from "./failure.ts";
import type { Method, ParamType, Xapi } from "./method.ts";
import { masterOf, poolMethods } from "./pool.ts";
import { type Credentials, Sessions } from "./sessions.ts";
import { Srs } from "./srs.ts";
import { Tasks } from "./tasks.ts";
import { type Typed, typed, typedRecord, untold } from "./typed.ts";
import { coerce, isStruct, number, text, type XenValue } from "./values.ts";
import { vbdMethods } from "./vbds.ts";
import { Vdis } from "./vdis.ts";

const LOGINS = new Set(["session.login_with_password", "session.slave_local_login_with_password"]);

/** Calls by name: who may, with what, and what comes of it. */
export class Dispatcher {
  readonly #xapi: Xapi;
  readonly #sessions: Sessions;
  readonly #tasks: Tasks;
  readonly #srs: Srs;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #onMasterGone: (address: string) => void;

  constructor(xapi: Xapi, credentials: Credentials, onMasterGone: (address: string) => void) {
    this.#xapi = xapi;
    this.#sessions = new Sessions(xapi, credentials);
    this.#tasks = new Tasks(xapi);
    this.#srs = new Srs(xapi);
    this.#onMasterGone = onMasterGone;
    const all = [
      ...accessors(xapi),
      ...this.#sessions.methods(),
      ...this.#tasks.methods(),
      ...this.#srs.methods(),
      ...new Vdis(xapi, this.#srs).methods(),
      ...vbdMethods(xapi),
      ...poolMethods(xapi, (host) => this.#becomeMaster(host)),
      ...eventMethods(xapi, (session) => this.#sessions.use(session)),
    ];
    this.#methods = new Map(all.map((one) => [one.name, one]));
  }

  get names(): string[] {
    const plain = [...this.#methods.values()];
    return [
      "system.listMethods",
      ...LOGINS,
      ...plain.map(({ name }) => name),
      ...plain.filter((one) => one.async).map(({ name }) => `Async.${name}`),
    ].sort();
  }

  /**
   * `address`: of the host that is asked.
   * @throws XenFailure what is answered as an error
   */
  async call(address: string, name: string, params: readonly unknown[]): Promise<Typed> {
    if (name === "system.listMethods") return this.names;
    this.#strike(name);
    if (LOGINS.has(name)) return this.#login(address, name, params);
    const [session] = params;
    if (typeof session !== "string") throw new XenFailure("MESSAGE_PARAMETER_COUNT_MISMATCH", name, "1", "0");
    const asyncName = name.startsWith("Async.") ? name.slice("Async.".length) : null;
    const found = this.#methods.get(asyncName ?? name);
    if (found === undefined || (asyncName !== null && !found.async))
      throw new XenFailure("MESSAGE_METHOD_UNKNOWN", name);
    this.#assertMaster(address);
    if (this.#xapi.desk.faults.take("session-invalid", name) !== null) this.#sessions.drop(session);
    this.#sessions.use(session);
    const args = argumentsFor(found, name, params.slice(1));
    const run = async (): Promise<Typed> => result(found, await found.run({ session, method: found.name }, args));
    if (asyncName === null) return await run();
    return this.#tasks.begin(asyncName, run, found.result === "void");
  }

  /**
   * The VDI (by reference or uuid) whose bytes are moved over HTTP in this session.
   * @throws XenFailure SESSION_INVALID, HANDLE_INVALID, HOST_IS_SLAVE
   */
  disk(address: string, session: string, vdi: string): { readonly uuid: string; readonly sizeBytes: number } {
    const { database } = this.#xapi;
    this.#assertMaster(address);
    this.#sessions.use(session);
    const ref = database.hasUuid("VDI", vdi) ? database.byUuid("VDI", vdi) : vdi;
    const row = database.get("VDI", ref);
    this.#srs.assertAttached(text(row, "SR"));
    return { uuid: text(row, "uuid"), sizeBytes: number(row, "virtual_size") };
  }

  /** @throws XenFailure 44 when there is no room for what was written */
  written(uuid: string, usedBytes: number): void {
    const { database, volumes } = this.#xapi;
    volumes.write(uuid, usedBytes);
    const sr = text(database.get("VDI", database.byUuid("VDI", uuid)), "SR");
    this.#srs.scan(sr);
  }

  /** Another host leads; sessions are gone. */
  #becomeMaster(host: string): void {
    this.#xapi.database.update("pool", masterOf(this.#xapi).pool, { master: host });
    this.#sessions.dropAll();
  }

  #login(address: string, name: string, params: readonly unknown[]): string {
    const [user, password, , originator = ""] = params;
    if (typeof user !== "string" || typeof password !== "string")
      throw new XenFailure("MESSAGE_PARAMETER_COUNT_MISMATCH", name, "2", String(params.length));
    if (name === "session.login_with_password") {
      const slave = this.#xapi.desk.faults.take("slave", name);
      if (slave !== null) throw new XenFailure("HOST_IS_SLAVE", String(slave.value ?? "::1"));
      this.#assertMaster(address);
    }
    const host = [...this.#xapi.database.table("host")].find(([, row]) => row.address === address)?.[0];
    const text = typeof originator === "string" ? originator : "";
    return this.#sessions.login(user, password, text, host ?? masterOf(this.#xapi).host);
  }

  #assertMaster(address: string): void {
    const master = masterOf(this.#xapi).address;
    if (address !== master) throw new XenFailure("HOST_IS_SLAVE", master);
  }

  /** What happens to the pool while clients look elsewhere. */
  #strike(name: string): void {
    const { faults } = this.#xapi.desk;
    if (faults.take("sr-forgotten", name) !== null) this.#srs.forgetAll();
    if (faults.take("no-pbds", name) !== null) this.#srs.unplugAll();
    if (faults.take("master-gone", name) !== null) {
      const { host, address } = masterOf(this.#xapi);
      const next = [...this.#xapi.database.table("host").keys()].find((other) => other !== host);
      if (next === undefined) return;
      this.#becomeMaster(next);
      this.#xapi.database.renewRefs();
      this.#onMasterGone(address);
    }
  }
}

function argumentsFor(found: Method, name: string, given: readonly unknown[]): XenValue[] {
  const { params, needed } = found;
  if (given.length < needed || given.length > params.length)
    throw new XenFailure("MESSAGE_PARAMETER_COUNT_MISMATCH", name, String(params.length + 1), String(given.length + 1));
  return given.map((value, index) => argument(value, params[index] ?? "string", `${name} ${index + 1}`));
}

function argument(value: unknown, type: ParamType, name: string): XenValue {
  if (type !== "record") return coerce(value, typeof type === "string" ? { type } : type, name);
  if (!isStruct(value)) throw new XenFailure("FIELD_TYPE_ERROR", name);
  return value;
}

function result({ result: type }: Method, value: XenValue | Typed): Typed {
  if (type === "void") return "";
  if (typeof type === "object") return isStruct(value) ? typedRecord(type.record, value) : "";
  if (type === "int" || type === "float" || type === "datetime")
    return typeof value === "string" || typeof value === "number" ? typed(type, value) : untold(value);
  return untold(value);
}
