import type { SimulatedAccount, SimulatedTarget, SimulatorTargets } from "../../kit/targets.ts";
import type { Zfs } from "../zfs/zfs.ts";
import { datasetOfDevice } from "./comstar.ts";
import type { ComstarState, Target, View } from "./state.ts";

/**
 * Brings the portal to what COMSTAR's configuration says. What tgt cannot show: two initiators see the same units at one
 * target, also where their views differ; and an initiator without any view is not let in at all.
 */
export class ComstarExports {
  readonly #state: ComstarState;
  readonly #zfs: Zfs;
  readonly #targets: SimulatorTargets;
  readonly #standing = new Map<string, string>();
  readonly #sizes = new Map<string, number>();

  constructor(state: ComstarState, zfs: Zfs, targets: SimulatorTargets) {
    this.#state = state;
    this.#zfs = zfs;
    this.#targets = targets;
  }

  async settle(pathOf: (datasetName: string) => string | null): Promise<void> {
    const wanted = new Map<string, SimulatedTarget>();
    for (const [iqn, target] of Object.entries(this.#state.targets)) {
      const simulated = this.#wanted(iqn, target, pathOf);
      if (simulated !== null) wanted.set(iqn, simulated);
    }
    for (const iqn of [...this.#standing.keys()])
      if (!wanted.has(iqn)) {
        await this.#targets.remove(iqn);
        this.#standing.delete(iqn);
      }
    for (const [iqn, target] of wanted) {
      const text = JSON.stringify(target);
      if (this.#standing.get(iqn) === text) continue;
      await this.#targets.ensure(target);
      this.#standing.set(iqn, text);
    }
    await this.#refreshSizes(wanted);
  }

  /** An initiator sees a new size when the unit has it. */
  async #refreshSizes(wanted: ReadonlyMap<string, SimulatedTarget>): Promise<void> {
    for (const [guid, { sizeBytes }] of Object.entries(this.#state.units)) {
      const before = this.#sizes.get(guid);
      this.#sizes.set(guid, sizeBytes);
      if (before === undefined || before === sizeBytes) continue;
      for (const iqn of wanted.keys()) if (this.#viewsAt(iqn, guid).length > 0) await this.#targets.refreshSize(iqn);
    }
    for (const guid of this.#sizes.keys()) if (this.#state.units[guid] === undefined) this.#sizes.delete(guid);
  }

  #wanted(iqn: string, target: Target, pathOf: (datasetName: string) => string | null): SimulatedTarget | null {
    if (!target.online) return null;
    const units: { lun: number; path: string; readOnly: boolean }[] = [];
    const initiators = new Set<string>();
    let all = false;
    for (const [guid, unit] of Object.entries(this.#state.units)) {
      const views = this.#viewsAt(iqn, guid);
      const name = datasetOfDevice(unit.file);
      const path = name === null || this.#zfs.state.datasets[name] === undefined ? null : pathOf(name);
      if (!unit.online || path === null) continue;
      for (const { lun, hostGroup } of views) {
        if (!units.some((one) => one.lun === lun)) units.push({ lun, path, readOnly: unit.writeProtected });
        if (hostGroup === null) all = true;
        for (const member of hostGroup === null ? [] : (this.#state.hostGroups[hostGroup] ?? []))
          initiators.add(member);
      }
    }
    if (units.length === 0) return null;
    const letIn = all ? null : [...initiators].sort();
    return { iqn, units, initiators: letIn, chap: this.#accounts(target, letIn) };
  }

  #accounts(target: Target, letIn: readonly string[] | null): SimulatedTarget["chap"] {
    if ((target.auth ?? this.#state.defaults.auth) !== "chap") return null;
    const names = letIn ?? Object.keys(this.#state.initiators);
    return names.flatMap((name): SimulatedAccount[] => {
      const { chapUser = null, chapSecret = null } = this.#state.initiators[name] ?? {};
      return chapSecret === null ? [] : [{ username: chapUser ?? name, secret: chapSecret }];
    });
  }

  #viewsAt(iqn: string, guid: string): View[] {
    return (this.#state.views[guid] ?? []).filter(
      ({ targetGroup }) => targetGroup === null || this.#state.targetGroups[targetGroup]?.includes(iqn) === true,
    );
  }
}
