import { createHash } from "node:crypto";
import type { LeftHandParameters } from "#shared/drivers/lefthand.ts";
import type { Access, ConnectionInfo, Connector } from "#shared/model/attachment.ts";
import type { Secret } from "#shared/secret.ts";
import { type CallContext, type ChapCredentials, DriverError } from "../driver.ts";
import type { SanRef } from "../san/array.ts";
import { oursIn } from "../san/driver.ts";
import { chosenPortals, iscsiConnection } from "../san/iscsi.ts";
import { doneOrFound, doneOrStands } from "../san/made-once.ts";
import type { CliqServer, Permission } from "./answer.ts";
import type { Cliq } from "./cliq.ts";
import type { LeftHandObject } from "./objects.ts";

/** Every volume is a target of its own, with one disk. */
const LUN = 0;
const DEFAULT_ISCSI_PORT = 3260;

type Find = (context: CallContext, ref: SanRef) => Promise<LeftHandObject | null>;

/** How hosts reach volumes, which nobody sees who was not let in. */
export interface LeftHandExports {
  ensure(context: CallContext, volume: SanRef, chap: ChapCredentials, access: Access): Promise<void>;
  letIn(
    context: CallContext,
    volume: SanRef,
    connector: Connector,
    chap: ChapCredentials,
    access: Access,
  ): Promise<LeftHandObject>;
  sendAway(context: CallContext, volume: SanRef, connector: Connector): Promise<void>;
}

/** For all that were let in, whichever way. */
export async function removeExport(
  cliq: Cliq,
  context: CallContext,
  { name: volumeName, permissions }: LeftHandObject,
  find: () => Promise<LeftHandObject | null>,
): Promise<void> {
  if (permissions.length === 0) return;
  await doneOrStands(
    () => cliq.change(context, "unassignVolume", { volumeName }),
    async () => ((await find())?.permissions ?? []).length === 0,
  );
}

/** By a secret for each volume, which whoever is let in is told: nothing is known of hosts, and one has it at a time. */
export class ChapExports implements LeftHandExports {
  readonly #cliq: Cliq;
  readonly #find: Find;

  constructor(cliq: Cliq, find: Find) {
    this.#cliq = cliq;
    this.#find = find;
  }

  async ensure(context: CallContext, ref: SanRef, chap: ChapCredentials, access: Access): Promise<void> {
    const { permissions } = oursIn(await this.#find(context, ref), ref);
    const [one] = permissions;
    if (permissions.length === 1 && one !== undefined && isFor(one, chap, access)) return;
    const { username: chapName, secret } = chap;
    assertSayable(chapName, secret);
    const assign = { volumeName: ref.name, chapName, targetSecret: secret, access: wordOf(access) };
    await doneOrStands(
      () => this.#cliq.change(context, "assignVolumeChap", assign),
      async () => {
        const now = oursIn(await this.#find(context, ref), ref);
        return now.permissions.some((permission) => isFor(permission, chap, access));
      },
    );
  }

  async letIn(
    context: CallContext,
    ref: SanRef,
    _: Connector,
    chap: ChapCredentials,
    access: Access,
  ): Promise<LeftHandObject> {
    const found = oursIn(await this.#find(context, ref), ref);
    if (found.permissions.some((permission) => isFor(permission, chap, access))) return found;
    throw new DriverError("not-done", `${ref.name} is not assigned to this CHAP user`);
  }

  async sendAway(context: CallContext, ref: SanRef): Promise<void> {
    const find = async () => await this.#find(context, ref);
    const found = await find();
    if (found !== null && found.mark !== null) await removeExport(this.#cliq, context, found, find);
  }
}

/** By the name of the host's initiator, which is made known as a server; a secret is not asked for. */
export class ServerExports implements LeftHandExports {
  readonly #cliq: Cliq;
  readonly #find: Find;

  constructor(cliq: Cliq, find: Find) {
    this.#cliq = cliq;
    this.#find = find;
  }

  async ensure(context: CallContext, ref: SanRef): Promise<void> {
    oursIn(await this.#find(context, ref), ref);
  }

  async letIn(
    context: CallContext,
    ref: SanRef,
    { initiator }: Connector,
    _: ChapCredentials,
    access: Access,
  ): Promise<LeftHandObject> {
    if (initiator === null) throw new DriverError("not-done", "only a host with an initiator name can be let in");
    const isIn = ({ iqn, access: given }: Permission): boolean => iqn === initiator && given === wordOf(access);
    const found = oursIn(await this.#find(context, ref), ref);
    if (found.permissions.some(isIn)) return found;
    const serverName = await this.#server(context, initiator);
    const assign = { volumeName: ref.name, serverName, access: wordOf(access) };
    await doneOrStands(
      () => this.#cliq.change(context, "assignVolumeToServer", assign),
      async () => oursIn(await this.#find(context, ref), ref).permissions.some(isIn),
    );
    return found;
  }

  async sendAway(context: CallContext, ref: SanRef, { initiator }: Connector): Promise<void> {
    const found = await this.#find(context, ref);
    if (found === null || found.mark === null || initiator === null) return;
    for (const serverName of serversOf(found.permissions.filter(({ iqn }) => iqn === initiator)))
      await doneOrStands(
        () => this.#cliq.change(context, "unassignVolumeToServer", { volumeName: ref.name, serverName }),
        async () => !serversOf((await this.#find(context, ref))?.permissions ?? []).includes(serverName),
      );
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
    const other = await doneOrFound<CliqServer | null>(
      async () => {
        await this.#cliq.change(context, "createServer", { serverName, initiator });
        return null;
      },
      async () => (await this.#cliq.servers(context)).find((one) => iqnOf(one) === initiator) ?? null,
    );
    if (other?.chapRequired === "true")
      throw new DriverError("not-done", `the server ${other.name} of ${initiator} asks for a secret of its own`);
    return other?.name ?? serverName;
  }
}

export interface Ways {
  readonly volume: LeftHandObject;
  /** The cluster's virtual IPs. */
  readonly vips: readonly string[];
  readonly access: Access;
  readonly chap: ChapCredentials | null;
  readonly multipath: boolean;
}

export function connectionInfo(parameters: LeftHandParameters, ways: Ways): ConnectionInfo {
  const { iscsi_port = DEFAULT_ISCSI_PORT, iscsi_ip_prefix } = parameters;
  const { volume, vips, access, chap, multipath } = ways;
  const { iqn } = volume;
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

/** Whom initiators were let in as: a server's permission has the server's name for its group. */
function serversOf(permissions: readonly Permission[]): string[] {
  const named = permissions.filter(({ iqn = "", authGroup = "" }) => iqn !== "" && authGroup !== "");
  return [...new Set(named.map(({ authGroup = "" }) => authGroup))];
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
