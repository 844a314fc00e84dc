import type { DataFiles } from "../kit/data-files.ts";
import type { SimulatedTarget, SimulatorTargets } from "../kit/targets.ts";
import { fileOf, iqnOf, type Permission, type Stored } from "./state.ts";

/** Every volume of the cluster is a target of its own with one disk. */
export const LUN = 0;

/** The cluster's virtual IP: what has a permission is exported there, and nothing else. */
export class Portal {
  readonly #targets: SimulatorTargets | null;
  readonly #files: DataFiles;

  constructor(targets: SimulatorTargets | null, files: DataFiles) {
    this.#targets = targets;
    this.#files = files;
  }

  /** `host:port`; where there is no target, the port that it would have. */
  get address(): { readonly host: string; readonly port: number } {
    const [host = "127.0.0.1", port = "3260"] = this.#targets?.portal.split(":") ?? [];
    return { host, port: Number(port) };
  }

  /** The target stands as the permissions say now. */
  async follow(stored: Stored): Promise<void> {
    const target = targetOf(stored, this.#files.path(fileOf(stored)));
    if (target === null) await this.#targets?.remove(iqnOf(stored));
    else await this.#targets?.ensure(target);
  }

  async close(stored: Stored): Promise<void> {
    await this.#targets?.remove(iqnOf(stored));
  }

  async resized(stored: Stored): Promise<void> {
    await this.#targets?.refreshSize(iqnOf(stored));
  }
}

/**
 * tgt's targets ask all initiators for CHAP or none, and let all of them write or none: of mixed permissions the
 * stricter holds for all. null: nobody may come in.
 */
function targetOf(stored: Stored, path: string): SimulatedTarget | null {
  const { permissions } = stored;
  if (permissions.length === 0) return null;
  const secured = permissions.find(({ chapRequired }) => chapRequired);
  const named = permissions.map(({ iqn }) => iqn);
  return {
    iqn: iqnOf(stored),
    units: [{ lun: LUN, path, readOnly: "volumeName" in stored || permissions.every(isReadOnly) }],
    chap: secured === undefined ? null : { username: secured.chapName, secret: secured.targetSecret },
    initiators: named.includes("") ? null : named,
  };
}

function isReadOnly({ access }: Permission): boolean {
  return access === "r";
}
