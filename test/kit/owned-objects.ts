import { channel } from "node:diagnostics_channel";
import type { FastifyInstance, RouteOptions } from "fastify";
import { type Access, defaultAccess } from "#scheduler/api/access.ts";
import { createFlavor, setFlavorBackends } from "#scheduler/catalogue/edits.ts";
import { STATE_KINDS } from "#shared/model/records.ts";
import { type ApiStand, openApiStand } from "./api-stand.ts";
import { identitiesOf } from "./identities.ts";

export const OWNERS_PROJECT = "owners-project";
export const STRANGERS_PROJECT = "strangers-project";
/** Whatever the owner named begins so: it is in no answer to anybody else. */
export const MARK = "owners-";
export const KEY = `${MARK}key`;
export const FLAVOR = `${MARK}flavor`;
export const HOST = { initiator: "iqn.1993-08.org.debian:01:abc", host: "node-1", ip: "10.0.0.7" };

const FLAVOR_ID = "33333333-3333-4333-8333-333333333333";

/** What a project can have, one of each, by what it is good for. */
export interface Owned {
  /** At rest, with nothing that depends on it. */
  readonly volume: string;
  readonly snapshotted: string;
  readonly snapshot: string;
  readonly reservedVolume: string;
  readonly reservation: string;
  readonly announcedVolume: string;
  readonly attachedVolume: string;
  readonly attachment: string;
  /** A host was let in and has not said that it has attached it. */
  readonly connectedVolume: string;
  readonly connected: string;
  readonly offeredVolume: string;
  readonly transfer: string;
  readonly group: string;
  readonly member: string;
  readonly groupSnapshot: string;
  readonly message: string;
  readonly emptyGroup: string;
  readonly flavor: string;
}

/** Of somebody who owns nothing of that. */
export interface Strangers {
  readonly volume: string;
  readonly group: string;
}

export interface OwnedStand {
  readonly stand: ApiStand;
  readonly owned: Owned;
  readonly strangers: Strangers;
  /** Tells the offer's key: who has it may take the volume. */
  readonly transferKey: string;
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;
export type Method = (typeof METHODS)[number];

export interface Route {
  readonly method: Method;
  readonly url: string;
  readonly access: Access;
}

/** Every route that the framework is told of while `work` runs. */
export async function routesOf(work: () => Promise<void>): Promise<Route[]> {
  const told: RouteOptions[] = [];
  const listen = (message: unknown): void => {
    if (tellsOfFramework(message)) message.fastify.addHook("onRoute", (route) => void told.push(route));
  };
  const initialized = channel("fastify.initialization");
  initialized.subscribe(listen);
  await work().finally(() => initialized.unsubscribe(listen));
  // Only now: others may say of a route who may use it.
  return told.flatMap(({ method, url, config }) =>
    METHODS.filter((name) => [method].flat().includes(name)).map((name) => ({
      method: name,
      url,
      access: config?.access ?? defaultAccess(name, url),
    })),
  );
}

function tellsOfFramework(message: unknown): message is { readonly fastify: FastifyInstance } {
  return typeof message === "object" && message !== null && "fastify" in message;
}

export interface Asked {
  readonly status: number;
  readonly text: string;
}

/** Sends as somebody (null: as nobody), with the eyes of the newest version. */
export async function sendAs(
  { api }: ApiStand,
  who: string | null,
  method: Method,
  url: string,
  body?: object,
): Promise<Asked> {
  const answer = await api.inject({
    method,
    url,
    headers: { ...(who === null ? {} : { "x-auth-token": who }), "openstack-api-version": "volume latest" },
    ...(body === undefined ? {} : { payload: body }),
  });
  return { status: answer.statusCode, text: answer.body };
}

/** A fresh API with two projects in it. */
export async function openOwnedStand(): Promise<OwnedStand> {
  const identities = identitiesOf({
    owner: [OWNERS_PROJECT, "member"],
    "owners-reader": [OWNERS_PROJECT, "reader"],
    stranger: [STRANGERS_PROJECT, "member"],
    root: ["operators-project", "admin"],
  });
  const stand = await openApiStand({}, { identities });
  const { state, engine } = stand;
  const before = state.catalogue.catalogue;
  const flavor = { id: FLAVOR_ID, name: FLAVOR, description: `${MARK}own`, projects: [OWNERS_PROJECT] };
  const next = setFlavorBackends(createFlavor(before, flavor), { flavor: FLAVOR, backends: [1] });
  await engine.submit("catalogue.changed", next);

  const make = async (who: string, path: string, body: object, under: string): Promise<Record<string, string>> => {
    const { status, text } = await sendAs(stand, who, "POST", `/v3${path}`, body);
    if (status >= 300) throw new Error(`${path} of ${who}: ${status} ${text}`);
    return Object(JSON.parse(text))[under];
  };
  const idOf = ({ id = "" }: Record<string, string>): string => id;
  const volume = async (name: string, more: object = {}, who = "owner"): Promise<string> => {
    const wanted = {
      size: 1,
      name: `${MARK}${name}`,
      volume_type: "gold",
      metadata: { [KEY]: `${MARK}value` },
      ...more,
    };
    const id = idOf(await make(who, "/volumes", { volume: wanted }, "volume"));
    await engine.until("volume", id, () => state.get("volume", id)?.status === "available" || undefined, 5_000);
    return id;
  };
  const group = async (who: string, name: string): Promise<string> => {
    const wanted = { name, group_type: "default_cgsnapshot_type", volume_types: ["gold"] };
    return idOf(await make(who, "/groups", { group: wanted }, "group"));
  };

  const snapshotted = await volume("snapshotted");
  const snapshotBody = { volume_id: snapshotted, name: `${MARK}snapshot`, metadata: { [KEY]: `${MARK}value` } };
  const snapshot = idOf(await make("owner", "/snapshots", { snapshot: snapshotBody }, "snapshot"));
  await engine.until(
    "snapshot",
    snapshot,
    () => state.get("snapshot", snapshot)?.status === "available" || undefined,
    5_000,
  );

  const attach = async (volumeId: string, more: object): Promise<string> => {
    const wanted = { volume_uuid: volumeId, instance_uuid: `${MARK}server`, ...more };
    return idOf(await make("owner", "/attachments", { attachment: wanted }, "attachment"));
  };
  const reservedVolume = await volume("reserved");
  const reservation = await attach(reservedVolume, {});
  const announcedVolume = await volume("announced");
  await sendAs(stand, "owner", "POST", `/v3/volumes/${announcedVolume}/action`, { "os-reserve": {} });
  const connectedVolume = await volume("connected");
  const connected = await attach(connectedVolume, { connector: HOST });
  const attachedVolume = await volume("attached");
  const attachment = await attach(attachedVolume, { connector: HOST });
  await sendAs(stand, "owner", "POST", `/v3/attachments/${attachment}/action`, { "os-complete": {} });

  const offeredVolume = await volume("offered");
  const offer = { transfer: { volume_id: offeredVolume, name: `${MARK}offer` } };
  const made = await make("owner", "/os-volume-transfer", offer, "transfer");

  const groupId = await group("owner", `${MARK}group`);
  const member = await volume("member", { group_id: groupId });
  const taken = { group_snapshot: { group_id: groupId, name: `${MARK}group-snapshot` } };
  const groupSnapshot = idOf(await make("owner", "/group_snapshots", taken, "group_snapshot"));
  await engine.until(
    "group-snapshot",
    groupSnapshot,
    () => state.get("group-snapshot", groupSnapshot)?.status === "available" || undefined,
    5_000,
  );
  // Why it could not be made is a message to its owner.
  const tooLarge = { size: 5000, name: `${MARK}too-large`, volume_type: "gold" };
  const unplaced = idOf(await make("owner", "/volumes", { volume: tooLarge }, "volume"));
  await engine.until("volume", unplaced, () => state.get("volume", unplaced)?.status === "error" || undefined, 5_000);
  const [message = ""] = [...state.table("message").values()].map(({ id }) => id);
  const strangers = {
    volume: await volume("not", { name: "mine", metadata: {} }, "stranger"),
    group: await group("stranger", "mine"),
  };
  await engine.drained();
  return {
    stand,
    strangers,
    transferKey: made.auth_key ?? "",
    owned: {
      volume: await volume("volume"),
      snapshotted,
      snapshot,
      reservedVolume,
      reservation,
      announcedVolume,
      attachedVolume,
      attachment,
      connectedVolume,
      connected,
      offeredVolume,
      transfer: idOf(made),
      group: groupId,
      member,
      groupSnapshot,
      message,
      emptyGroup: await group("owner", `${MARK}empty-group`),
      flavor: FLAVOR_ID,
    },
  };
}

/** All that is not the stranger's, as text: equal means that nothing of it was changed. */
export function othersThan(project: string, { state }: ApiStand): string {
  const records = STATE_KINDS.map((kind) => [
    kind,
    [...state.table(kind)].filter(([, record]) => !("projectId" in record && record.projectId === project)),
  ]);
  return JSON.stringify([records, state.catalogue.catalogue]);
}
