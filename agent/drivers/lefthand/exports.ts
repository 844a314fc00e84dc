import { createHash } from "node:crypto";
import type { LeftHandParameters } from "#shared/drivers/lefthand.ts";
import type { Access, ConnectionInfo, Connector } from "#shared/model/attachment.ts";
import type { Secret } from "#shared/secret.ts";
import { type CallContext, type ChapCredentials, DriverError } from "../driver.ts";
import { chosenPortals, iscsiConnection } from "../san/iscsi.ts";
import type { CliqServer, CliqVolume, Permission } from "./answer.ts";
import type { Cliq } from "./cliq.ts";
import { findVolume, unlessForeign, volumeThere } from "./objects.ts";
import { outOrStands } from "./stands.ts";

/** Every volume is a target of its own, with one disk. */
const LUN = 0;
const DEFAULT_ISCSI_PORT = 3260;

/** How hosts reach volumes, which nobody sees who was not let in. */
export interface LeftHandExports {
  ensure(context: CallContext, name: string, chap: ChapCredentials, access: Access): Promise<void>;
  letIn(
    context: CallContext,
    name: string,
    connector: Connector,
    chap: ChapCredentials,
    access: Access,
  ): Promise<CliqVolume>;
  sendAway(context: CallContext, name: string, connector: Connector): Promise<void>;
}

/** For all that were let in, whichever way. */
export async function removeExport(cliq: Cliq, context: CallContext, volume: CliqVolume): Promise<void> {
  if (permissionsOf(volume).length > 0) await unassign(cliq, context, volume.name);
}

/** By a secret for each volume, which whoever is let in is told: nothing is known of hosts, and one has it at a time. */
export class ChapExports implements LeftHandExports {
  readonly #cliq: Cliq;

  constructor(cliq: Cliq) {
    this.#cliq = cliq;
  }

  async ensure(context: CallContext, name: string, chap: ChapCredentials, access: Access): Promise<void> {
    const { told } = await volumeThere(this.#cliq, context, name);
    const permissions = permissionsOf(told);
    const [one] = permissions;
    if (permissions.length === 1 && one !== undefined && isFor(one, chap, access)) return;
    const { username: chapName, secret } = chap;
    assertSayable(chapName, secret);
    const assign = { volumeName: name, chapName, targetSecret: secret, access: wordOf(access) };
    await outOrStands(this.#cliq.change(context, "assignVolumeChap", assign), async () => {
      const { told: now } = await volumeThere(this.#cliq, context, name);
      return permissionsOf(now).some((permission) => isFor(permission, chap, access));
    });
  }

  async letIn(
    context: CallContext,
    name: string,
    _: Connector,
    chap: ChapCredentials,
    access: Access,
  ): Promise<CliqVolume> {
    const { told } = await volumeThere(this.#cliq, context, name);
    if (permissionsOf(told).some((permission) => isFor(permission, chap, access))) return told;
    throw new DriverError("not-done", `${name} is not assigned to this CHAP user`);
  }

  async sendAway(context: CallContext, name: string): Promise<void> {
    const found = await unlessForeign(findVolume(this.#cliq, context, name));
    if (found !== null) await removeExport(this.#cliq, context, found.told);
  }
}

/** By the name of the host's initiator, which is made known as a server; a secret is not asked for. */
export class ServerExports implements LeftHandExports {
  readonly #cliq: Cliq;

  constructor(cliq: Cliq) {
    this.#cliq = cliq;
  }

  async ensure(context: CallContext, name: string): Promise<void> {
    await volumeThere(this.#cliq, context, name);
  }

  async letIn(
    context: CallContext,
    name: string,
    { initiator }: Connector,
    _: ChapCredentials,
    access: Access,
  ): Promise<CliqVolume> {
    if (initiator === null) throw new DriverError("not-done", "only a host with an initiator name can be let in");
    const isIn = ({ iqn, access: given }: Permission): boolean => iqn === initiator && given === wordOf(access);
    const { told } = await volumeThere(this.#cliq, context, name);
    if (permissionsOf(told).some(isIn)) return told;
    const serverName = await this.#server(context, initiator);
    const assign = { volumeName: name, serverName, access: wordOf(access) };
    await outOrStands(this.#cliq.change(context, "assignVolumeToServer", assign), async () => {
      const { told: now } = await volumeThere(this.#cliq, context, name);
      return permissionsOf(now).some(isIn);
    });
    return told;
  }

  async sendAway(context: CallContext, name: string, { initiator }: Connector): Promise<void> {
    const found = await unlessForeign(findVolume(this.#cliq, context, name));
    if (found === null || initiator === null) return;
    const leaving = permissionsOf(found.told).filter(({ iqn }) => iqn === initiator);
    for (const server of namesOf(leaving)) await unassignServer(this.#cliq, context, name, server);
  }

  /** Somebody else may have made a server for the same initiator, or does so now: then it is that one. */
  async #server(context: CallContext, initiator: string): Promise<string> {
    const serverName = serverNameOf(initiator);
    const known = await this.#cliq.serverNamed(context, serverName);
    if (known !== null) {
      if (known.some((one) => (iqnOf(one) ?? initiator) !== initiator))
        throw new DriverError("not-done", `the server ${serverName} is not of ${initiator}`);
      return serverName;
    }
    let other: CliqServer | undefined;
    await outOrStands(this.#cliq.change(context, "createServer", { serverName, initiator }), async () => {
      other = (await this.#cliq.servers(context)).find((one) => iqnOf(one) === initiator);
      return other !== undefined;
    });
    if (other?.chapRequired === "true")
      throw new DriverError("not-done", `the server ${other.name} of ${initiator} asks for a secret of its own`);
    return other?.name ?? serverName;
  }
}

export interface Ways {
  readonly volume: CliqVolume;
  /** The cluster's virtual IPs. */
  readonly vips: readonly string[];
  readonly access: Access;
  readonly chap: ChapCredentials | null;
  readonly multipath: boolean;
}

export function connectionInfo(parameters: LeftHandParameters, ways: Ways): ConnectionInfo {
  const { iscsi_port = DEFAULT_ISCSI_PORT, iscsi_ip_prefix } = parameters;
  const { volume, vips, access, chap, multipath } = ways;
  const iqn = volume.iscsiIqn ?? "";
  if (iqn === "") throw new DriverError("unknown", `the array does not tell the IQN of ${volume.name}`);
  if (vips.length === 0) throw new DriverError("unknown", "the cluster has no virtual IP that hosts could go to");
  const addresses = vips.map((vip) => `${vip.includes(":") ? `[${vip}]` : vip}:${iscsi_port}`);
  return iscsiConnection({
    ways: chosenPortals(addresses, iscsi_ip_prefix).map((portal) => ({ portal, iqn, lun: LUN })),
    chapUser: chap?.username ?? null,
    access,
    multipath,
  });
}

/** Nothing that a host says of itself becomes part of a name. */
export function serverNameOf(initiator: string): string {
  return `berth-${createHash("sha256").update(initiator).digest("hex").slice(0, 24)}`;
}

async function unassign(cliq: Cliq, context: CallContext, volumeName: string): Promise<void> {
  await outOrStands(cliq.change(context, "unassignVolume", { volumeName }), async () => {
    const now = await findVolume(cliq, context, volumeName);
    return now === null || permissionsOf(now.told).length === 0;
  });
}

async function unassignServer(cliq: Cliq, context: CallContext, volumeName: string, serverName: string) {
  await outOrStands(cliq.change(context, "unassignVolumeToServer", { volumeName, serverName }), async () => {
    const now = await findVolume(cliq, context, volumeName);
    return now === null || !serversOf(now.told).includes(serverName);
  });
}

function permissionsOf({ permission = [] }: CliqVolume): readonly Permission[] {
  return permission;
}

/** Whom initiators were let in as: a server's permission has the server's name for its group. */
function serversOf(volume: CliqVolume): string[] {
  return namesOf(permissionsOf(volume).filter(({ iqn = "" }) => iqn !== ""));
}

function namesOf(permissions: readonly Permission[]): string[] {
  return [...new Set(permissions.map(({ authGroup = "" }) => authGroup))].filter((name) => name !== "");
}

function isFor(permission: Permission, { username, secret }: ChapCredentials, access: Access): boolean {
  const { iqn = "", chapName, chapRequired, targetSecret, access: given } = permission;
  const right = chapName === username && targetSecret === secret.reveal() && chapRequired === "true";
  return iqn === "" && right && given === wordOf(access);
}

function wordOf(access: Access): "rw" | "r" {
  return access === "rw" ? "rw" : "r";
}

function iqnOf({ iqn, initiator }: CliqServer): string | undefined {
  return iqn ?? initiator;
}

function assertSayable(username: string, secret: Secret): void {
  if (!/^[A-Za-z0-9._:-]{1,64}$/.test(username))
    throw new DriverError("not-done", "the array cannot take this CHAP user name");
  if (!/^[A-Za-z0-9._:+/=-]{12,64}$/.test(secret.reveal()))
    throw new DriverError("not-done", "a CHAP secret has 12 to 64 letters, digits and plain signs");
}
