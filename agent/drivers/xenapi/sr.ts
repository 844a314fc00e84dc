import type { SrKind } from "#shared/drivers/xenapi/declarations.ts";
import { pauseFor, pauseMs } from "../../transport/tries.ts";
import { type CallContext, DriverError } from "../driver.ts";
import { isFailure, refused } from "./failure.ts";
import type { XenPool } from "./pool.ts";
import { NULL_REF, parsed, type SrRecord } from "./records.ts";
import { asTask } from "./tasks.ts";

const MAKING = "making";
/** So long a claim counts whose maker is not heard of any more. */
const CLAIM_MS = 5 * 60_000;
const CREATE_TIMEOUT_MS = 10 * 60_000;

export interface SrSetting {
  readonly kind: SrKind;
  /** Backend and zone: what the pool's note of it is called. */
  readonly key: string;
  readonly name: string;
  /** With its secrets, resolved. */
  readonly deviceConfig: Readonly<Record<string, string>>;
  readonly srUuid: string | null;
  readonly hostUuid: string | null;
}

/**
 * The storage repository of a backend. Which one it is stands in the pool's own other_config, where it outlives agents and
 * the SR's record: an SR that somebody forgot is introduced again under its uuid. The note is also the claim of who makes
 * it, so that of two agents only one does.
 */
export class StorageRepository {
  readonly #pool: XenPool;
  readonly #setting: SrSetting;
  #known: { readonly uuid: string; readonly ref: string } | null = null;

  constructor(pool: XenPool, setting: SrSetting) {
    this.#pool = pool;
    this.#setting = setting;
  }

  get uuid(): string {
    return this.#require().uuid;
  }

  get ref(): string {
    return this.#require().ref;
  }

  /** Finds it, introduces it or makes it, and attaches it to the pool's hosts. While another agent makes it, it is waited for. */
  async open(context: CallContext): Promise<void> {
    for (let looked = 1; ; looked++) {
      try {
        await this.#found(context);
        break;
      } catch (error) {
        if (!(error instanceof BeingMade)) throw error;
        if (looked === 1) context.log.info({ type: this.#setting.kind.type }, error.message);
        await pauseFor(context.signal, pauseMs(looked)).catch(() => {
          throw error;
        });
      }
    }
    await this.plug(context);
  }

  /** @throws BeingMade */
  async #found(context: CallContext): Promise<void> {
    const { srUuid, key } = this.#setting;
    const pool = await this.#poolRecord(context);
    const noted = pool.record.other_config[key] ?? "";
    const uuid = srUuid ?? (noted.startsWith(MAKING) ? "" : noted);
    if (uuid === "") await this.#make(context, pool.ref, noted);
    else await this.#introduced(context, uuid);
  }

  /** After a host's start, another master or somebody's forgetting: it stands again as it should. */
  async recover(context: CallContext): Promise<void> {
    await this.#introduced(context, this.uuid);
    await this.plug(context);
  }

  async record(context: CallContext): Promise<SrRecord> {
    return parsed.sr.parse(await this.#read(context, "SR.get_record", [this.ref]));
  }

  /** Every host of the pool that can gets it attached; one is enough. */
  async plug(context: CallContext): Promise<void> {
    const { deviceConfig, kind, hostUuid } = this.#setting;
    const { ref } = this.#require();
    const hosts = parsed.hosts.parse(await this.#read(context, "host.get_all_records", []));
    const filter = `field "SR"="${ref}"`;
    const pbds = parsed.pbds.parse(await this.#read(context, "PBD.get_all_records_where", [filter]));
    const bound = new Map(Object.entries(pbds).map(([pbd, record]) => [record.host, { pbd, record }]));
    let attached = 0;
    let last: unknown = null;
    const wanted = kind.shared
      ? Object.keys(hosts)
      : await this.#localHosts(context, [...bound.keys()], hosts, hostUuid);
    for (const host of wanted) {
      try {
        const known = bound.get(host);
        if (known?.record.currently_attached !== true) {
          const fields = { host, SR: ref, device_config: deviceConfig, other_config: {} };
          const pbd = known?.pbd ?? parsed.text.parse(await this.#change(context, "PBD.create", [fields]));
          await this.#change(context, "PBD.plug", [pbd]);
        }
        attached += 1;
      } catch (error) {
        last = error;
        if (!isFailure(error, "HOST_OFFLINE", "HOST_NOT_LIVE", "HOST_STILL_BOOTING") && !isPluginFailure(error))
          throw error;
        context.log.warn({ err: error, sr: this.uuid, host }, "the SR could not be attached to a host");
      }
    }
    if (attached === 0) throw last ?? refused("no host of the pool can attach the SR");
  }

  async #localHosts(
    context: CallContext,
    bound: readonly string[],
    hosts: Readonly<Record<string, { readonly uuid: string }>>,
    hostUuid: string | null,
  ): Promise<readonly string[]> {
    if (bound.length > 0) return bound;
    const named = Object.entries(hosts).find(([, { uuid }]) => uuid === hostUuid)?.[0];
    if (hostUuid !== null && named === undefined) throw refused(`no host of the pool has the uuid ${hostUuid}`);
    return [named ?? (await this.#poolRecord(context)).record.master];
  }

  async #introduced(context: CallContext, uuid: string): Promise<void> {
    const { kind, name } = this.#setting;
    let ref = await this.#byUuid(context, uuid);
    if (ref === null) {
      const params = [uuid, name, "", kind.type, "user", kind.shared, {}];
      try {
        ref = parsed.text.parse(await this.#change(context, "SR.introduce", params));
      } catch (error) {
        // Another agent was quicker.
        ref = isFailure(error, "SR_UUID_EXISTS") ? await this.#byUuid(context, uuid) : null;
        if (ref === null) throw error;
      }
    }
    this.#known = { uuid, ref };
  }

  async #make(context: CallContext, pool: string, noted: string): Promise<void> {
    const { key, kind } = this.#setting;
    const nowMs = await this.#poolTimeMs(context);
    const claimedMs = Number(noted.split(" ")[1] ?? Number.NEGATIVE_INFINITY);
    if (noted !== "") {
      // Attached, it was made, and its maker did not come to say so.
      const made = nowMs - claimedMs < CLAIM_MS ? await this.#standing(context, "attached") : null;
      if (made === null && nowMs - claimedMs < CLAIM_MS) throw new BeingMade();
      await this.#change(context, "pool.remove_from_other_config", [pool, key]);
    }
    try {
      await this.#change(context, "pool.add_to_other_config", [pool, key, `${MAKING} ${nowMs}`]);
    } catch (error) {
      throw isFailure(error, "MAP_DUPLICATE_KEY") ? new BeingMade() : error;
    }
    try {
      const found = (await this.#standing(context)) ?? (await this.#created(context, pool));
      this.#known = found;
      await this.#change(context, "pool.remove_from_other_config", [pool, key]);
      await this.#change(context, "pool.add_to_other_config", [pool, key, found.uuid]);
    } catch (error) {
      // What was refused was not made, and the next may try at once.
      if (isPluginFailure(error) || (error instanceof DriverError && error.outcome === "not-done"))
        await this.#change(context, "pool.remove_from_other_config", [pool, key]);
      throw error;
    }
    context.log.info({ sr: this.uuid, type: kind.type }, "the backend's SR stands");
  }

  /** Made by a try that was cut short, or by somebody under this very name for this very place. */
  async #standing(
    context: CallContext,
    which: "any" | "attached" = "any",
  ): Promise<{ uuid: string; ref: string } | null> {
    const { kind, name, deviceConfig } = this.#setting;
    const srs = parsed.srs.parse(await this.#read(context, "SR.get_all_records", []));
    const named = Object.entries(srs).filter(([, sr]) => sr.type === kind.type && sr.name_label === name);
    if (named.length === 0) return null;
    const pbds = Object.values(parsed.pbds.parse(await this.#read(context, "PBD.get_all_records", [])));
    const same = named.filter(([ref]) =>
      pbds.some(
        (pbd) =>
          pbd.SR === ref &&
          isSameConfig(pbd.device_config, deviceConfig) &&
          (which === "any" || pbd.currently_attached),
      ),
    );
    const [found, another] = same.sort(([, one], [, other]) => (one.uuid < other.uuid ? -1 : 1));
    if (found === undefined) return null;
    if (another !== undefined)
      throw refused(`two SRs are called ${name} and are on one place; say which with sr_uuid=${found[1].uuid}`);
    return { ref: found[0], uuid: found[1].uuid };
  }

  async #created(context: CallContext, pool: string): Promise<{ uuid: string; ref: string }> {
    const { kind, name, deviceConfig } = this.#setting;
    const host = await this.#maker(context, pool);
    if (kind.exclusive) await this.#assertFree(context, host);
    const params = [host, deviceConfig, 0, name, "", kind.type, "user", kind.shared, {}];
    const signal = AbortSignal.any([context.signal, AbortSignal.timeout(CREATE_TIMEOUT_MS)]);
    const made = { method: "SR.create", params, totalBytes: 0 };
    const ref = await asTask({ ...context, signal }, this.#pool, made);
    return { ref, uuid: parsed.text.parse(await this.#read(context, "SR.get_uuid", [ref])) };
  }

  /** Making an SR on a device wipes what it holds. */
  async #assertFree(context: CallContext, host: string): Promise<void> {
    const { kind, deviceConfig } = this.#setting;
    const answer = await this.#read(context, "SR.probe", [host, deviceConfig, kind.type, {}]);
    const [, uuid] = /<UUID>\s*([0-9a-f-]{36})\s*<\/UUID>/.exec(parsed.text.parse(answer)) ?? [];
    if (uuid !== undefined)
      throw refused(`an SR is on that device already; to use it, add the backend with sr_uuid=${uuid}`);
  }

  async #maker(context: CallContext, pool: string): Promise<string> {
    const { hostUuid } = this.#setting;
    if (hostUuid !== null) return parsed.text.parse(await this.#read(context, "host.get_by_uuid", [hostUuid]));
    return parsed.text.parse(await this.#read(context, "pool.get_master", [pool]));
  }

  async #poolRecord(context: CallContext) {
    const [entry] = Object.entries(parsed.pools.parse(await this.#read(context, "pool.get_all_records", [])));
    if (entry === undefined) throw refused("the host is in no pool");
    return { ref: entry[0], record: entry[1] };
  }

  /** One clock for all agents. */
  async #poolTimeMs(context: CallContext): Promise<number> {
    const { record } = await this.#poolRecord(context);
    const time = parsed.text.parse(await this.#read(context, "host.get_servertime", [record.master]));
    return Date.parse(time.replace(/^(\d{4})(\d{2})(\d{2})T/, "$1-$2-$3T"));
  }

  async #byUuid(context: CallContext, uuid: string): Promise<string | null> {
    try {
      return parsed.text.parse(await this.#read(context, "SR.get_by_uuid", [uuid]));
    } catch (error) {
      if (isFailure(error, "UUID_INVALID", "HANDLE_INVALID")) return null;
      throw error;
    }
  }

  #require(): { readonly uuid: string; readonly ref: string } {
    if (this.#known === null || this.#known.ref === NULL_REF)
      throw new DriverError("not-done", "the backend's SR is not open", { code: "E_BACKEND_NOT_OPEN" });
    return this.#known;
  }

  #read(context: CallContext, method: string, params: readonly unknown[]): Promise<unknown> {
    return this.#pool.call(context, method, params, { changes: false });
  }

  #change(context: CallContext, method: string, params: readonly unknown[]): Promise<unknown> {
    return this.#pool.call(context, method, params, { changes: true });
  }
}

/** By another agent: it is there in a moment, or its maker's claim ends. */
class BeingMade extends DriverError {
  constructor() {
    super("not-done", "another agent is making the SR", { code: "E_BACKEND_NOT_OPEN" });
  }
}

function isPluginFailure(error: unknown): boolean {
  return error instanceof Error && "code" in error && /^SR_(?!HAS_NO)/.test(String(error.code));
}

/** Secrets come back hidden or not at all, by release. */
function isSameConfig(there: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => there[key] === value || key.includes("password"));
}
