import { type Static, Type } from "typebox";
import { Agent, type Dispatcher, request } from "undici";
import { AuditAnswer } from "#scheduler/api/operator/audit-schemas.ts";
import { AttachmentsAnswer } from "#scheduler/api/operator/connection-schemas.ts";
import { HistoryAnswer } from "#scheduler/api/operator/history-schemas.ts";
import { type MigrateBody, MoveAnswer } from "#scheduler/api/operator/move-schemas.ts";
import {
  type AddBackendBody,
  AgentList,
  type AgentView,
  BackendAnswer,
  BackendList,
  type BackendView,
  DryRunAnswer,
  type DryRunBody,
  FlavorList,
  type FlavorView,
  HealthView,
  PlacementAnswer,
  QuotaAnswer,
  type QuotaView,
  type RoundView,
} from "#scheduler/api/operator/schemas.ts";
import { ConnectionInfo } from "#shared/model/attachment.ts";
import type { Admission } from "#shared/model/catalogue.ts";
import { Nullable } from "#shared/model/nullable.ts";
import { type Parser, parser } from "#shared/schema.ts";

const DEADLINE_MS = 20_000;
const PAGE = 1000;
const PROJECT = "tests";

export const SeenVolume = Type.Object({
  id: Type.String(),
  name: Nullable(Type.String()),
  status: Type.String(),
  size: Type.Integer(),
  availability_zone: Nullable(Type.String()),
  volume_type: Nullable(Type.String()),
  attachments: Type.Array(Type.Object({ attachment_id: Type.String() })),
  "os-vol-host-attr:host": Nullable(Type.String()),
  "os-vol-mig-status-attr:migstat": Nullable(Type.String()),
  "os-vol-mig-status-attr:name_id": Nullable(Type.String()),
});
export type SeenVolume = Static<typeof SeenVolume>;

const SeenSnapshot = Type.Object({
  id: Type.String(),
  name: Nullable(Type.String()),
  volume_id: Type.String(),
  status: Type.String(),
  size: Type.Integer(),
});
export type SeenSnapshot = Static<typeof SeenSnapshot>;

const SeenManageable = Type.Object({
  reference: Type.Object({ "source-name": Type.String() }),
  size: Nullable(Type.Integer()),
  safe_to_manage: Type.Boolean(),
  reason_not_safe: Nullable(Type.String()),
  cinder_id: Nullable(Type.String()),
});
export type SeenManageable = Static<typeof SeenManageable>;

const Connection = Type.Object({
  connection_info: Type.Object({
    driver_volume_type: Type.String(),
    data: Type.Intersect([Type.Object({ auth_password: Type.String() }), Type.Record(Type.String(), Type.Unknown())]),
  }),
});

const connectionInfos = parser(ConnectionInfo, "connection info");
const refusals = parser(
  Type.Record(
    Type.String(),
    Type.Object({
      message: Type.String(),
      code: Type.Optional(Type.Union([Type.String(), Type.Integer()])),
      berth_code: Type.Optional(Type.String()),
    }),
  ),
  "refusal",
);

const SeenGroup = Type.Object({ id: Type.String(), status: Type.String(), volumes: Type.Array(Type.String()) });
export type SeenGroup = Static<typeof SeenGroup>;

const SeenGroupSnapshot = Type.Object({ id: Type.String(), status: Type.String(), group_id: Type.String() });
export type SeenGroupSnapshot = Static<typeof SeenGroupSnapshot>;

/** What `POST …/volumes` takes, as far as the tests ask for it. */
export interface WantedVolume {
  readonly name?: string;
  readonly size?: number;
  readonly volume_type?: string;
  readonly availability_zone?: string;
  readonly snapshot_id?: string;
  readonly source_volid?: string;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Dispatcher.ResponseData["headers"];
}

/** The scheduler said no: with its HTTP status, its code (`E_…`) and its sentence. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor({ status, text }: Answer) {
    const { code, message } = refusalOf(text);
    super(message);
    this.name = "Refusal";
    this.status = status;
    this.code = code;
  }
}

/** What an initiator needs to attach, the secret apart. */
export interface Connected {
  readonly info: ConnectionInfo;
  readonly secret: string;
  /** What the host is to keep (`qos_specs`). */
  readonly limits: unknown;
}

/** Where a scheduler answers. `socketPath`: where its address cannot be reached from here, but this can (`place.ts`). */
export interface ApiDoor {
  readonly url: string;
  readonly socketPath: string | null;
}

/** How the client shows who it is; without it as noauth has it. */
export interface ApiAccess {
  readonly token?: string;
  /** Of the token. */
  readonly project?: string;
  /** Certificates (PEM) that are believed. */
  readonly ca?: string;
}

interface OpenDoor {
  readonly url: string;
  readonly agent: Agent;
}

function opened({ url, socketPath }: ApiDoor, { ca }: ApiAccess): OpenDoor {
  const trust = ca === undefined ? {} : { connect: { ca } };
  const connect = socketPath === null ? trust : { connect: { socketPath } };
  return { url, agent: new Agent({ connections: 64, keepAliveTimeout: 1000, ...connect }) };
}

/**
 * A user and operator of Berth over real HTTP. Nothing is sent twice; a connection that breaks is an error. Given several
 * addresses, it keeps to one until that does not answer or has no leader; the next request then goes to the next.
 */
export class BerthClient implements AsyncDisposable {
  readonly project: string;
  readonly #doors: readonly [OpenDoor, ...OpenDoor[]];
  readonly #deadlineMs: number;
  readonly #token: Readonly<Record<string, string>>;
  #current = 0;

  constructor(where: string | readonly [ApiDoor, ...ApiDoor[]], deadlineMs = DEADLINE_MS, access: ApiAccess = {}) {
    const [first, ...others] = typeof where === "string" ? [{ url: where, socketPath: null }] : where;
    this.#doors = [opened(first, access), ...others.map((door) => opened(door, access))];
    this.#deadlineMs = deadlineMs;
    this.project = access.project ?? PROJECT;
    this.#token = access.token === undefined ? {} : { "x-auth-token": access.token };
  }

  /** The one that it keeps to. */
  get url(): string {
    return this.#door.url;
  }

  get #door(): OpenDoor {
    return this.#doors[this.#current] ?? this.#doors[0];
  }

  async send(
    method: Dispatcher.HttpMethod,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const { url, agent } = this.#door;
    try {
      const response = await request(`${url}${path}`, {
        method,
        dispatcher: agent,
        signal: AbortSignal.timeout(this.#deadlineMs),
        headers: {
          "openstack-api-version": "volume 3.65",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...this.#token,
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      if (response.statusCode === 503) this.#leave(url);
      return { status: response.statusCode, headers: response.headers, text: await response.body.text() };
    } catch (error) {
      this.#leave(url);
      throw error;
    }
  }

  /** Accepted (202) when it resolves. */
  async createVolume(wanted: WantedVolume, headers: Readonly<Record<string, string>> = {}): Promise<SeenVolume> {
    const body = { volume: { size: 1, ...wanted } };
    return (await this.#ask("POST", this.#v3("volumes"), ANSWERS.volume, body, headers)).volume;
  }

  /** null: there is none, or none any more. */
  async volume(id: string): Promise<SeenVolume | null> {
    return await orNull(this.#ask("GET", this.#v3(`volumes/${id}`), ANSWERS.volume).then(({ volume }) => volume));
  }

  /** All of them, page by page. */
  async volumes(): Promise<SeenVolume[]> {
    return await pageByPage(async (query) => {
      return (await this.#ask("GET", this.#v3(`volumes/detail?${query}`), ANSWERS.volumes)).volumes;
    });
  }

  /** `cascade`: with its snapshots. */
  async deleteVolume(id: string, { cascade = false }: { readonly cascade?: boolean } = {}): Promise<void> {
    await this.#tell("DELETE", this.#v3(`volumes/${id}${cascade ? "?cascade=true" : ""}`));
  }

  async extendVolume(id: string, sizeGib: number): Promise<void> {
    await this.#action(id, { "os-extend": { new_size: sizeGib } });
  }

  /** To a backend, by its name. */
  async migrateVolume(id: string, backend: string): Promise<void> {
    await this.#action(id, { "os-migrate_volume": { host: `berth@${backend}#${backend}` } });
  }

  async retypeVolume(id: string, flavor: string, policy: "never" | "on-demand" = "never"): Promise<void> {
    await this.#action(id, { "os-retype": { new_type: flavor, migration_policy: policy } });
  }

  /** By Berth's own way, which says where to in more ways and how fast. */
  async beginMove(id: string, to: MigrateBody): Promise<MoveAnswer> {
    return await this.#ask("POST", `/berth/v1/volumes/${id}/migrate`, ANSWERS.move, to);
  }

  async move(id: string): Promise<MoveAnswer> {
    return await this.#ask("GET", `/berth/v1/volumes/${id}/move`, ANSWERS.move);
  }

  async cancelMove(id: string): Promise<void> {
    await this.#tell("POST", `/berth/v1/volumes/${id}/cancel`);
  }

  async history(id: string): Promise<HistoryAnswer> {
    return await this.#ask("GET", `/berth/v1/volumes/${id}/history`, ANSWERS.history);
  }

  async renameVolume(id: string, name: string): Promise<void> {
    await this.#ask("PUT", this.#v3(`volumes/${id}`), ANSWERS.volume, { volume: { name } });
  }

  /** `host`: as volumes tell their place, or a backend's name. */
  async manageVolume(host: string, reference: string, wanted: Omit<WantedVolume, "size"> = {}): Promise<SeenVolume> {
    const body = { volume: { host, ref: { "source-name": reference }, ...wanted } };
    return (await this.#ask("POST", this.#v3("manageable_volumes"), ANSWERS.volume, body)).volume;
  }

  /** By references, all that stands on a backend and could be managed, or is. */
  async manageable(host: string): Promise<Map<string, SeenManageable>> {
    const path = this.#v3(`manageable_volumes/detail?host=${encodeURIComponent(host)}`);
    const { "manageable-volumes": found } = await this.#ask("GET", path, ANSWERS.manageable);
    return new Map(found.map((one) => [one.reference["source-name"], one]));
  }

  async unmanageVolume(id: string): Promise<void> {
    await this.#action(id, { "os-unmanage": {} });
  }

  async connect(id: string, initiator: string, more: Connecting = {}): Promise<Connected> {
    const body = { "os-initialize_connection": { connector: { initiator, ...more } } };
    return connectedBy(await this.#ask("POST", this.#v3(`volumes/${id}/action`), ANSWERS.connection, body));
  }

  async connectSnapshot(id: string, initiator: string, more: Connecting = {}): Promise<Connected> {
    const body = { connector: { initiator, ...more } };
    return connectedBy(await this.#ask("POST", `/berth/v1/snapshots/${id}/connect`, ANSWERS.connection, body));
  }

  /** No initiator: all hosts. */
  async disconnectSnapshot(id: string, initiator: string | null = null): Promise<void> {
    const connector = initiator === null ? null : { initiator };
    await this.#tell("POST", `/berth/v1/snapshots/${id}/disconnect`, { connector });
  }

  async forceDetach(id: string): Promise<void> {
    await this.#action(id, { "os-force_detach": {} });
  }

  /** Of a volume or a snapshot, also those that were detached by force. */
  async attachments(kind: "volumes" | "snapshots", id: string): Promise<AttachmentsAnswer["attachments"]> {
    return (await this.#ask("GET", `/berth/v1/${kind}/${id}/attachments`, ANSWERS.attachments)).attachments;
  }

  async disconnect(id: string, initiator: string): Promise<void> {
    await this.#action(id, { "os-terminate_connection": { connector: { initiator } } });
  }

  async createSnapshot(volumeId: string, name = ""): Promise<SeenSnapshot> {
    const body = { snapshot: { volume_id: volumeId, name } };
    return (await this.#ask("POST", this.#v3("snapshots"), ANSWERS.snapshot, body)).snapshot;
  }

  async snapshot(id: string): Promise<SeenSnapshot | null> {
    return await orNull(this.#ask("GET", this.#v3(`snapshots/${id}`), ANSWERS.snapshot).then((a) => a.snapshot));
  }

  /** All of them, page by page; or those of a name. */
  async snapshots(name?: string): Promise<SeenSnapshot[]> {
    const named = name === undefined ? "" : `&name=${encodeURIComponent(name)}`;
    return await pageByPage(async (query) => {
      return (await this.#ask("GET", this.#v3(`snapshots/detail?${query}${named}`), ANSWERS.snapshots)).snapshots;
    });
  }

  async deleteSnapshot(id: string): Promise<void> {
    await this.#tell("DELETE", this.#v3(`snapshots/${id}`));
  }

  async revert(volumeId: string, snapshotId: string): Promise<void> {
    await this.#action(volumeId, { revert: { snapshot_id: snapshotId } });
  }

  /** Of one flavor and with these volumes; available when it resolves. */
  async createGroup(flavor: string, volumeIds: readonly string[]): Promise<string> {
    const body = { group: { name: "", volume_types: [flavor] } };
    const { id } = (await this.#ask("POST", this.#v3("groups"), ANSWERS.groupMade, body)).group;
    if (volumeIds.length > 0) await this.updateGroup(id, { add_volumes: volumeIds.join(",") });
    return id;
  }

  async updateGroup(id: string, fields: object): Promise<void> {
    await this.#tell("PUT", this.#v3(`groups/${id}`), { group: fields });
  }

  async copyGroup(source: { group_snapshot_id: string } | { source_group_id: string }): Promise<string> {
    const body = { "create-from-src": source };
    return (await this.#ask("POST", this.#v3("groups/action"), ANSWERS.groupMade, body)).group.id;
  }

  /** With the ids of its volumes. */
  async group(id: string): Promise<SeenGroup | null> {
    const path = this.#v3(`groups/${id}?list_volume=true`);
    return await orNull(this.#ask("GET", path, ANSWERS.group).then(({ group }) => group));
  }

  async groupIds(): Promise<string[]> {
    return (await this.#ask("GET", this.#v3("groups"), ANSWERS.groups)).groups.map(({ id }) => id);
  }

  async deleteGroup(id: string, withVolumes: boolean): Promise<void> {
    await this.#tell("POST", this.#v3(`groups/${id}/action`), { delete: { "delete-volumes": withVolumes } });
  }

  async createGroupSnapshot(groupId: string): Promise<SeenGroupSnapshot> {
    const body = { group_snapshot: { group_id: groupId } };
    const { id } = (await this.#ask("POST", this.#v3("group_snapshots"), ANSWERS.groupSnapshotMade, body))
      .group_snapshot;
    return (await this.#ask("GET", this.#v3(`group_snapshots/${id}`), ANSWERS.groupSnapshot)).group_snapshot;
  }

  async groupSnapshots(): Promise<SeenGroupSnapshot[]> {
    return (await this.#ask("GET", this.#v3("group_snapshots/detail"), ANSWERS.groupSnapshots)).group_snapshots;
  }

  async deleteGroupSnapshot(id: string): Promise<void> {
    await this.#tell("DELETE", this.#v3(`group_snapshots/${id}`));
  }

  async explain(volumeId: string): Promise<PlacementAnswer> {
    return await this.#ask("GET", `/berth/v1/volumes/${volumeId}/placement`, ANSWERS.placement);
  }

  async dryRun(body: DryRunBody): Promise<RoundView> {
    const asked = { project: this.project, ...body };
    return (await this.#ask("POST", "/berth/v1/placements/dry-run", ANSWERS.dryRun, asked)).round;
  }

  async agents(): Promise<AgentView[]> {
    return (await this.#ask("GET", "/berth/v1/agents", ANSWERS.agents)).agents;
  }

  async backends(): Promise<BackendView[]> {
    return (await this.#ask("GET", "/berth/v1/backends", ANSWERS.backends)).backends;
  }

  /** By id or name; `refresh`: after it was measured now. */
  async backend(idOrName: number | string, refresh = false): Promise<BackendView> {
    const query = refresh ? "?refresh=true" : "";
    return (await this.#ask("GET", `/berth/v1/backends/${idOrName}${query}`, ANSWERS.backend)).backend;
  }

  async addBackend(body: AddBackendBody): Promise<BackendView> {
    return (await this.#ask("POST", "/berth/v1/backends", ANSWERS.backend, body)).backend;
  }

  async setAdmission(idOrName: number | string, admission: Admission): Promise<void> {
    await this.#tell("PUT", `/berth/v1/backends/${idOrName}/admission`, admission);
  }

  async createZone(name: string): Promise<void> {
    await this.#tell("POST", "/berth/v1/zones", { name });
  }

  async flavors(): Promise<FlavorView[]> {
    return (await this.#ask("GET", "/berth/v1/flavors", ANSWERS.flavors)).flavors;
  }

  /** What stands on every backend, against what is recorded. */
  async audit(): Promise<AuditAnswer> {
    return await this.#ask("GET", "/berth/v1/audit", ANSWERS.audit);
  }

  async quota(project: string): Promise<QuotaView> {
    return (await this.#ask("GET", `/berth/v1/quotas/${project}`, ANSWERS.quota)).quota;
  }

  async health(): Promise<HealthView> {
    return await this.#ask("GET", "/berth/v1/health", ANSWERS.health);
  }

  /** The value of one metric, by its name and labels as they are written (`berth_agents{zone="north",state="up"}`). */
  async metric(series: string): Promise<number | undefined> {
    const { text } = await this.send("GET", "/metrics");
    const line = text.split("\n").find((candidate) => candidate.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#doors.map(({ agent }) => agent.destroy()));
  }

  /** Only who is still there leaves it: others may have asked there and left at the same time. */
  #leave(url: string): void {
    if (url === this.url) this.#current = (this.#current + 1) % this.#doors.length;
  }

  #v3(path: string): string {
    return `/v3/${this.project}/${path}`;
  }

  async #action(id: string, body: object): Promise<void> {
    await this.#tell("POST", this.#v3(`volumes/${id}/action`), body);
  }

  async #tell(method: Dispatcher.HttpMethod, path: string, body?: unknown): Promise<void> {
    const answer = await this.send(method, path, body);
    if (answer.status >= 400) throw new Refusal(answer);
  }

  async #ask<T>(
    method: Dispatcher.HttpMethod,
    path: string,
    answers: Parser<T>,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    const answer = await this.send(method, path, body, headers);
    if (answer.status >= 400) throw new Refusal(answer);
    return answers.parse(JSON.parse(answer.text), `the answer to ${method} ${path}`);
  }
}

/** Compiled once: that takes longer than most requests. */
const ANSWERS = {
  volume: parser(Type.Object({ volume: SeenVolume })),
  volumes: parser(Type.Object({ volumes: Type.Array(SeenVolume) })),
  snapshot: parser(Type.Object({ snapshot: SeenSnapshot })),
  snapshots: parser(Type.Object({ snapshots: Type.Array(SeenSnapshot) })),
  group: parser(Type.Object({ group: SeenGroup })),
  groupMade: parser(Type.Object({ group: Type.Object({ id: Type.String() }) })),
  groupSnapshotMade: parser(Type.Object({ group_snapshot: Type.Object({ id: Type.String() }) })),
  groupSnapshot: parser(Type.Object({ group_snapshot: SeenGroupSnapshot })),
  groups: parser(Type.Object({ groups: Type.Array(Type.Object({ id: Type.String() })) })),
  groupSnapshots: parser(Type.Object({ group_snapshots: Type.Array(SeenGroupSnapshot) })),
  connection: parser(Connection),
  attachments: parser(AttachmentsAnswer),
  manageable: parser(Type.Object({ "manageable-volumes": Type.Array(SeenManageable) }), "manageable volumes"),
  placement: parser(PlacementAnswer),
  dryRun: parser(DryRunAnswer),
  agents: parser(AgentList),
  backend: parser(BackendAnswer),
  backends: parser(BackendList),
  flavors: parser(FlavorList),
  audit: parser(AuditAnswer),
  quota: parser(QuotaAnswer),
  move: parser(MoveAnswer),
  history: parser(HistoryAnswer),
  health: parser(HealthView),
} as const;

async function pageByPage<T extends { readonly id: string }>(page: (query: string) => Promise<T[]>): Promise<T[]> {
  const all: T[] = [];
  for (;;) {
    const marker = all.length === 0 ? "" : `&marker=${all.at(-1)?.id}`;
    const items = await page(`limit=${PAGE}${marker}`);
    all.push(...items);
    if (items.length < PAGE) return all;
  }
}

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) return null;
    throw error;
  }
}

/** Both forms: the operator API's, and OpenStack's with what Berth adds. Throws when it is neither, or more than one error. */
export function refusalOf(text: string): { readonly code: string; readonly message: string } {
  const found = Object.values(refusals.parse(JSON.parse(text)));
  const [only] = found;
  if (only === undefined || found.length > 1) throw new Error(`not one error: ${text.slice(0, 500)}`);
  return { code: only.berth_code ?? String(only.code ?? ""), message: only.message };
}

interface Connecting {
  readonly multipath?: boolean;
  readonly mode?: "rw" | "ro";
}

function connectedBy({ connection_info }: Static<typeof Connection>): Connected {
  const { auth_password: secret, qos_specs: limits, ...data } = connection_info.data;
  const known = Object.fromEntries(Object.entries(data).filter(([, value]) => value !== null));
  const { driver_volume_type: driverVolumeType } = connection_info;
  return { info: connectionInfos.parse({ driverVolumeType, data: known }), secret, limits };
}
