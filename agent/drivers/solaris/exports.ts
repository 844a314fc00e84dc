import type { Access, Connector } from "#shared/model/attachment.ts";
import { type CallContext, DriverError, type HostConnection } from "../driver.ts";
import { exportOfVolume, targetIqn, volumeName } from "../names.ts";
import { iscsiConnection } from "../san/iscsi.ts";
import { findUnit, guidOf, viewsOf } from "./comstar.ts";
import type { SolarisHost } from "./host.ts";
import { groupOf, Initiators } from "./initiators.ts";
import type { ObjectNames } from "./objects.ts";
import { explained, unless } from "./refusal.ts";

const LUN = 0;

export interface ExportSetting {
  readonly host: SolarisHost;
  readonly names: ObjectNames;
  /** `host:port`, as initiators need them. */
  readonly portals: readonly string[];
  /** Portal groups that targets are bound to; null: the default one, which is all addresses. */
  readonly portalGroups: string | null;
}

/**
 * A volume is served by a logical unit, and by a target of its own that is alone in a target group; each host that is let
 * in has a view of the unit through that target. The unit is made first and goes last: without it there is nothing else.
 */
export class SolarisExports {
  readonly #setting: ExportSetting;
  readonly #host: SolarisHost;
  readonly #initiators: Initiators;

  constructor(setting: ExportSetting) {
    this.#setting = setting;
    this.#host = setting.host;
    this.#initiators = new Initiators(setting.host);
  }

  async ensure(context: CallContext, volumeId: string, access: Access): Promise<void> {
    await explained(`export ${volumeName(volumeId)}`, "unknown", async () => {
      await this.#ensureUnit(context, volumeId, access);
      const iqn = iqnOf(volumeId);
      const found = await unless(["missing"], () => this.#host.readComstar(context, "itadm", ["list-target", iqn]));
      if (found?.includes(iqn) === true) return;
      const group = targetGroupOf(volumeId);
      await unless(["exists"], () => this.#host.comstar(context, "stmfadm", ["create-tg", group]));
      // A target can only be put into a group while it is offline or not there yet.
      await unless(["exists"], () => this.#host.comstar(context, "stmfadm", ["add-tg-member", "-g", group, iqn]));
      const { portalGroups } = this.#setting;
      const bound = portalGroups === null ? [] : ["-t", portalGroups];
      await unless(["exists"], () =>
        this.#host.comstar(context, "itadm", ["create-target", "-a", "chap", "-n", iqn, ...bound]),
      );
    });
  }

  async letIn(context: CallContext, volumeId: string, connector: Connector, access: Access): Promise<HostConnection> {
    const { initiator, multipath } = connector;
    if (initiator === null) throw new DriverError("not-done", "a host must name its initiator to be let in here");
    return await explained(`let ${initiator} in to ${volumeName(volumeId)}`, "unknown", async () => {
      const { group, chap } = await this.#initiators.ensure(context, initiator);
      const view = ["add-view", "-h", group, "-t", targetGroupOf(volumeId), "-n", String(LUN), guidOf(volumeId)];
      await unless(["exists"], () => this.#host.comstar(context, "stmfadm", view));
      const ways = this.#setting.portals.map((portal) => ({ portal, iqn: iqnOf(volumeId), lun: LUN }));
      return { ...iscsiConnection({ ways, chapUser: chap.username, access, multipath }), ownChap: chap };
    });
  }

  async shutOut(context: CallContext, volumeId: string, { initiator }: Connector): Promise<void> {
    if (initiator === null) return;
    await explained(`send ${initiator} away from ${volumeName(volumeId)}`, "unknown", async () => {
      const guid = guidOf(volumeId);
      const views = await viewsOf(context, this.#host, guid);
      const wanted = views.filter(({ hostGroup }) => hostGroup === groupOf(initiator)).map(({ index }) => index);
      if (wanted.length === 0) return;
      await unless(["missing"], () => this.#host.comstar(context, "stmfadm", ["remove-view", "-l", guid, ...wanted]));
    });
  }

  async remove(context: CallContext, volumeId: string): Promise<void> {
    await explained(`take the export of ${volumeName(volumeId)} down`, "unknown", async () => {
      const guid = guidOf(volumeId);
      if ((await findUnit(context, this.#host, guid)) === null) return;
      const gone = async (program: "stmfadm" | "itadm", ...args: string[]): Promise<void> => {
        await unless(["missing"], () => this.#host.comstar(context, program, args));
      };
      await gone("stmfadm", "remove-view", "-l", guid, "-a");
      await gone("itadm", "delete-target", "-f", iqnOf(volumeId));
      await gone("stmfadm", "delete-tg", targetGroupOf(volumeId));
      await gone("stmfadm", "delete-lu", guid);
    });
  }

  /** Hosts see the volume's new size when its unit has it. */
  async refreshSize(context: CallContext, volumeId: string, sizeBytes: number): Promise<void> {
    await explained(`tell the new size of ${volumeName(volumeId)}`, "unknown", async () => {
      const guid = guidOf(volumeId);
      const unit = await findUnit(context, this.#host, guid);
      if (unit === null || unit.sizeBytes === sizeBytes) return;
      await this.#host.comstar(context, "stmfadm", ["modify-lu", "-s", String(sizeBytes), guid]);
    });
  }

  async #ensureUnit(context: CallContext, volumeId: string, access: Access): Promise<void> {
    const guid = guidOf(volumeId);
    const protect = access === "ro";
    const file = this.#setting.names.device(this.#setting.names.volume(volumeId));
    const properties = [
      "-p",
      `guid=${guid}`,
      "-p",
      `alias=${volumeName(volumeId)}`,
      ...(protect ? ["-p", "wp=true"] : []),
    ];
    const made = await unless(["in-use"], () =>
      this.#host.comstar(context, "stmfadm", ["create-lu", ...properties, file]),
    );
    if (made !== undefined) return;
    const unit = await findUnit(context, this.#host, guid);
    if (unit === null || unit.file !== file)
      throw new DriverError("not-done", `${file} is served by a logical unit that is not ours`);
    if (unit.writeProtected === protect) return;
    // One unit a volume, and one way for all who have it.
    if ((await viewsOf(context, this.#host, guid)).length > 0)
      throw new DriverError(
        "not-done",
        `the volume is served to ${protect ? "write" : "read only"} to another host, and can be served in one way only`,
      );
    await this.#host.comstar(context, "stmfadm", ["modify-lu", "-p", `wp=${protect}`, guid]);
  }
}

export function iqnOf(volumeId: string): string {
  return targetIqn(exportOfVolume(volumeId, "rw"));
}

function targetGroupOf(volumeId: string): string {
  return `tg-${volumeName(volumeId)}`;
}
