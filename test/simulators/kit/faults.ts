import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import { parser } from "#shared/schema.ts";

/** How a fault that is switched on behaves. All of it may be left out: then it strikes every call until it is cleared. */
export const FaultSetting = Type.Object(
  {
    /** Only calls of these names (the vendor's: `CreateVolume`, `createVolume`, `zfs create`). */
    methods: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })),
    /** Passes over so many calls that it would strike. */
    skip: Type.Optional(Type.Integer({ minimum: 0 })),
    /** Strikes so often, then it is spent. */
    times: Type.Optional(Type.Integer({ minimum: 1 })),
    /** Of what takes time. */
    delayMs: Type.Optional(Type.Integer({ minimum: 0 })),
    /** Of what has a number or a word to it, as its description says. */
    value: Type.Optional(Type.Union([Type.Number(), Type.String()])),
  },
  { additionalProperties: false },
);
export type FaultSetting = Static<typeof FaultSetting>;

export const faultSetting = parser(FaultSetting, "the fault");

export interface FaultDescription {
  readonly name: string;
  readonly title: string;
}

/** What every simulator can do wrong; the sheets of the systems add their own. */
export const COMMON_FAULTS: readonly FaultDescription[] = [
  { name: "slow", title: "calls take delayMs (1000) longer" },
  { name: "lost-answer", title: "the call is done, then the connection is cut before its answer" },
  { name: "cut", title: "the connection is cut before anything is done" },
  { name: "hang", title: "the call is taken and never answered; nothing is done" },
  { name: "black-hole", title: "connections are taken, and nothing is ever said on them, nor on those that stand" },
  { name: "refuse", title: "the call is refused as the system does when it is busy" },
  { name: "limit", title: "more than `value` calls at once are refused as when it is busy" },
  { name: "full", title: "there is no space left for anything" },
  { name: "auth", title: "credentials are refused" },
];

interface Struck {
  readonly setting: FaultSetting;
  met: number;
  struck: number;
}

/** The faults that are switched on in one simulator. */
export class FaultBoard {
  readonly #descriptions: ReadonlyMap<string, FaultDescription>;
  readonly #on = new Map<string, Struck>();

  constructor(own: readonly FaultDescription[] = []) {
    this.#descriptions = new Map([...COMMON_FAULTS, ...own].map((fault) => [fault.name, fault]));
  }

  /** Switches one on, anew if it is on already. Throws `E_NOT_FOUND` when this simulator has none of that name. */
  set(name: string, setting: FaultSetting = {}): void {
    this.#assertKnown(name);
    this.#on.set(name, { setting, met: 0, struck: 0 });
  }

  clear(name: string): void {
    this.#assertKnown(name);
    this.#on.delete(name);
  }

  clearAll(): void {
    this.#on.clear();
  }

  /** Does it strike this call? Counts, so ask once a call; null: no. `method` absent: a fault for some methods does not. */
  take(name: string, method?: string): FaultSetting | null {
    this.#assertKnown(name);
    const fault = this.#on.get(name);
    if (fault === undefined) return null;
    const { methods, skip = 0, times = Number.POSITIVE_INFINITY } = fault.setting;
    if (methods !== undefined && (method === undefined || !methods.includes(method))) return null;
    fault.met += 1;
    if (fault.met <= skip || fault.struck >= times) return null;
    fault.struck += 1;
    return fault.setting;
  }

  /** How often it struck since it was switched on; 0 when it is off. */
  struck(name: string): number {
    return this.#on.get(name)?.struck ?? 0;
  }

  /** null: it is off. */
  get(name: string): (FaultSetting & { readonly struck: number }) | null {
    this.#assertKnown(name);
    const fault = this.#on.get(name);
    return fault === undefined ? null : { ...fault.setting, struck: fault.struck };
  }

  list(): { readonly name: string; readonly title: string; readonly on: FaultSetting | null }[] {
    return [...this.#descriptions.values()].map((fault) => ({ ...fault, on: this.get(fault.name) }));
  }

  #assertKnown(name: string): void {
    if (this.#descriptions.has(name)) return;
    const known = [...this.#descriptions.keys()].join(", ");
    throw new BerthError("E_NOT_FOUND", `this simulator has no fault ${JSON.stringify(name)}; it has ${known}`);
  }
}
