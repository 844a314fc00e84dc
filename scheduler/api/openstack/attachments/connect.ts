import { randomUUID } from "node:crypto";
import { BerthError, isErrorCode } from "#shared/errors.ts";
import type { Attachment, ConnectionInfo, Connector } from "#shared/model/attachment.ts";
import type { Chap } from "#shared/model/chap.ts";
import type { Sealing } from "#shared/sealed.ts";
import { isLetIn } from "../../../core/attachments.ts";
import type { ConnectWish } from "../../../core/commands.ts";
import { encryptionOf } from "../../../core/encryption.ts";
import { frontEndQos, type ResolvedQos } from "../../../core/qos.ts";
import { newChap } from "../../../new-chap.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import type { Caller } from "../../request-context.ts";

/** What is made outside of the core for a new attachment. */
interface Made {
  readonly attachmentId: string;
  readonly chap: Chap;
}

/** A host that is let in, and what it is told: the only place where the CHAP secret is open. */
export interface LetIn {
  readonly attachment: Attachment;
  readonly info: { readonly driver_volume_type: string; readonly data: Readonly<Record<string, unknown>> };
}

/** Lets a host in to a volume. `reservationId`: on the account of that attachment. */
export async function connect(
  dependencies: ApiDependencies,
  id: string,
  { scope, userId, requestId }: Caller,
  connector: Connector,
  more: { readonly wish?: ConnectWish; readonly reservationId?: string } = {},
): Promise<LetIn> {
  return await letIn(dependencies, (made) =>
    dependencies.engine.submit("attachment.connect", { scope, id, userId, requestId, connector, ...made, ...more }),
  );
}

/** Lets a host in to read a snapshot. */
export async function connectSnapshot(
  dependencies: ApiDependencies,
  id: string,
  { scope, userId, requestId }: Caller,
  connector: Connector,
): Promise<LetIn> {
  return await letIn(dependencies, (made) =>
    dependencies.engine.submit("snapshot.connect", { scope, id, userId, requestId, connector, ...made }),
  );
}

/**
 * Waits until an agent has done it. The CHAP secret is sealed everywhere but in this answer.
 * Throws what made it fail, or E_TIMEOUT, whereupon the work goes on and the same request asks for its outcome.
 */
async function letIn(
  { engine, sealingKey, settings }: ApiDependencies,
  begin: (made: Made) => Promise<Attachment>,
): Promise<LetIn> {
  const { state } = engine;
  const begun = await begin({ attachmentId: randomUUID(), chap: newChap(sealingKey) });
  const { attachment } = await engine.until(
    "attachment",
    begun.id,
    () => {
      const now = state.get("attachment", begun.id);
      return now?.status === "attaching" ? undefined : { attachment: now };
    },
    settings.connectTimeoutMs,
  );
  await engine.durable();
  const { volumeId, snapshotId } = begun;
  const object = snapshotId === null ? state.get("volume", volumeId) : state.get("snapshot", snapshotId);
  if (attachment === undefined || !isLetIn(attachment) || attachment.connectionInfo === null)
    throw failureOf(snapshotId ?? volumeId, attachment?.lastError ?? object?.lastError ?? null);
  const chap = object?.chap ?? null;
  const volume = state.get("volume", volumeId);
  const limits = volume === undefined ? null : state.catalogue.terms(state.flavor(volume)).qos;
  const qos = frontEndQos(limits, object?.sizeGib ?? 0);
  const told = { encrypted: volume !== undefined && encryptionOf(state, volume) !== undefined, qos_specs: qos };
  return { attachment, info: connectionInfoView(attachment, attachment.connectionInfo, told, chap, sealingKey) };
}

function connectionInfoView(
  { volumeId, access }: Attachment,
  info: ConnectionInfo,
  told: { readonly encrypted: boolean; readonly qos_specs: ResolvedQos | null },
  chap: Chap | null,
  sealingKey: Sealing,
): LetIn["info"] {
  const account = info.chap ?? chap;
  const protectedByChap = Object.hasOwn(info.data, "auth_method") && account !== null;
  return {
    driver_volume_type: info.driverVolumeType,
    data: {
      volume_id: volumeId,
      ...told,
      ...info.data,
      access_mode: access,
      ...(protectedByChap ? { auth_password: sealingKey.open(account.sealedSecret).reveal() } : {}),
    },
  };
}

function failureOf(id: string, error: Attachment["lastError"]): BerthError {
  if (error === null) return new BerthError("E_CONFLICT", `${id} was disconnected while it was being connected`);
  return new BerthError(isErrorCode(error.code) ? error.code : "E_BACKEND_FAILED", error.message);
}
