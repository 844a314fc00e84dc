import { type Static, Type } from "typebox";
import type { SrKind } from "#shared/drivers/xenapi/declarations.ts";
import { OwnParameters } from "#shared/drivers/xenapi/parameters.ts";
import { parser } from "#shared/schema.ts";
import { ALWAYS_HELD, type CallContext, DriverError, NO_PROGRESS } from "../driver.ts";
import type { DriverSetting } from "../tools.ts";
import { Disks } from "./connection.ts";
import { asDriverError, isFailure } from "./failure.ts";
import { connectPool, deviceConfig, pluginCapabilities } from "./opening.ts";
import type { XenPool } from "./pool.ts";
import { parsed } from "./records.ts";
import { StorageRepository } from "./sr.ts";
import { Vdis } from "./vdis.ts";

const OwnSchema = Type.Object(OwnParameters);
const ownParameters = parser(OwnSchema, "parameters of the backend");

const CLOSE_WITHIN_MS = 2_000;

/** What work on an SR needs, once it stands. */
export interface Opened {
  readonly kind: SrKind;
  readonly pool: XenPool;
  readonly sr: StorageRepository;
  readonly vdis: Vdis;
  readonly disks: Disks;
  readonly pluginCan: ReadonlySet<string>;
  readonly poolUuid: string;
}

/** A backend's storage repository, while it is open: found or made, attached, and set right when the pool has changed. */
export class OpenSr {
  readonly kind: SrKind;
  readonly #setting: DriverSetting;
  readonly #own: Static<typeof OwnSchema>;
  #open: Opened | null = null;

  constructor(kind: SrKind, setting: DriverSetting) {
    this.kind = kind;
    this.#setting = setting;
    const { sr_uuid, host_uuid, max_concurrent_calls } = setting.backend.parameters;
    this.#own = ownParameters.parse(
      Object.fromEntries(
        Object.entries({ sr_uuid, host_uuid, max_concurrent_calls }).filter(([, value]) => value !== undefined),
      ),
    );
  }

  async open(context: CallContext): Promise<void> {
    const { kind } = this;
    const pool = connectPool(this.#setting, this.#own.max_concurrent_calls);
    try {
      const { backend } = this.#setting;
      const pluginCan = await pluginCapabilities(context, pool, kind);
      const sr = new StorageRepository(pool, {
        kind,
        key: `berth-${backend.zone}-${backend.id}`,
        name: backend.name,
        deviceConfig: await deviceConfig(this.#setting, kind),
        srUuid: this.#own.sr_uuid ?? null,
        hostUuid: this.#own.host_uuid ?? null,
      });
      await sr.open(context);
      const pools = parsed.pools.parse(await pool.call(context, "pool.get_all_records", [], { changes: false }));
      const poolUuid = Object.values(pools)[0]?.uuid ?? "";
      const before = this.#open;
      this.#open = { kind, pool, sr, vdis: new Vdis(pool, sr, kind), disks: new Disks(pool), pluginCan, poolUuid };
      await before?.pool.close(closing(context));
    } catch (error) {
      await pool.close(closing(context));
      throw asDriverError(error);
    }
  }

  async close(): Promise<void> {
    const opened = this.#open;
    this.#open = null;
    const { log } = this.#setting.tools;
    const context = { guard: ALWAYS_HELD, progress: NO_PROGRESS, log, signal: AbortSignal.timeout(CLOSE_WITHIN_MS) };
    await opened?.pool.close(context);
  }

  /**
   * Work on the pool. If it turns out that the SR is no longer attached or known, or that references are of a master
   * before, it is set right and the work, which can be repeated, is done once more.
   */
  async do<T>(context: CallContext, work: (opened: Opened) => Promise<T>): Promise<T> {
    const { opened } = this;
    try {
      return await work(opened);
    } catch (error) {
      if (!isFailure(error, "SR_HAS_NO_PBDS", "SR_NOT_ATTACHED", "HANDLE_INVALID")) throw asDriverError(error);
      context.log.info({ err: error, sr: opened.sr.uuid }, "the SR is not as it was; it is looked for anew");
    }
    try {
      await opened.sr.recover(context);
      return await work(opened);
    } catch (error) {
      throw asDriverError(error);
    }
  }

  /** @throws DriverError `not-done` when it is closed */
  get opened(): Opened {
    if (this.#open === null) throw new DriverError("not-done", "the backend is closed", { code: "E_BACKEND_NOT_OPEN" });
    return this.#open;
  }
}

function closing(context: CallContext): CallContext {
  return { ...context, signal: AbortSignal.timeout(CLOSE_WITHIN_MS) };
}
