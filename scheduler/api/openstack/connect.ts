import { randomBytes, randomInt, randomUUID } from "node:crypto";
import { BerthError, isErrorCode } from "#shared/errors.ts";
import type { Attachment, Connector } from "#shared/model/attachment.ts";
import type { Chap } from "#shared/model/chap.ts";
import type { Volume } from "#shared/model/volume.ts";
import type { SealingKey } from "#shared/sealed.ts";
import { Secret } from "#shared/secret.ts";
import { frontEndQos, type ResolvedQos } from "../../core/qos.ts";
import type { ApiDependencies } from "../dependencies.ts";
import type { Caller } from "../request-context.ts";

/**
 * Lets a host in and waits until an agent has done it. The CHAP secret is sealed everywhere but in this answer.
 * Throws what made it fail, or E_TIMEOUT, whereupon the work goes on and the same request asks for its outcome.
 */
export async function connect(
  { engine, sealingKey, settings }: ApiDependencies,
  id: string,
  { scope, userId, requestId }: Caller,
  connector: Connector,
): Promise<object> {
  const { state } = engine;
  const begun = await engine.submit("attachment.connect", {
    scope,
    id,
    userId,
    requestId,
    attachmentId: randomUUID(),
    connector,
    chap: newChap(sealingKey),
  });
  const settled = await engine.until(
    "attachment",
    begun.id,
    () => {
      const attachment = state.get("attachment", begun.id);
      return attachment?.status === "attaching" ? undefined : { attachment };
    },
    settings.connectTimeoutMs,
  );
  const volume = state.get("volume", id);
  const { attachment } = settled;
  await engine.durable();
  if (attachment?.status !== "attached" || attachment.connectionInfo === null)
    throw failureOf(id, attachment?.lastError ?? volume?.lastError ?? null);
  const qos = volume === undefined ? null : state.catalogue.terms(state.flavor(volume)).qos;
  return connectionInfoView(
    attachment,
    attachment.connectionInfo,
    volume ?? { chap: null, readOnly: false },
    frontEndQos(qos, volume?.sizeGib ?? 0),
    sealingKey,
  );
}

function connectionInfoView(
  attachment: Attachment,
  info: NonNullable<Attachment["connectionInfo"]>,
  { chap, readOnly }: Pick<Volume, "chap" | "readOnly">,
  qos: ResolvedQos | null,
  sealingKey: SealingKey,
): object {
  const protectedByChap = Object.hasOwn(info.data, "auth_method") && chap !== null;
  return {
    driver_volume_type: info.driverVolumeType,
    data: {
      volume_id: attachment.volumeId,
      access_mode: readOnly ? "ro" : "rw",
      encrypted: false,
      qos_specs: qos,
      ...info.data,
      ...(protectedByChap ? { auth_password: sealingKey.open(chap.sealedSecret).reveal() } : {}),
    },
  };
}

function failureOf(id: string, error: Attachment["lastError"]): BerthError {
  if (error === null) return new BerthError("E_CONFLICT", `volume ${id} was disconnected while it was being connected`);
  return new BerthError(isErrorCode(error.code) ? error.code : "E_BACKEND_FAILED", error.message);
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/** Some initiators take CHAP secrets of 12 to 16 characters only. */
const SECRET_LENGTH = 16;

/** Used if the volume has none yet; otherwise it is thrown away. */
export function newChap(sealingKey: SealingKey): Chap {
  const secret = Array.from({ length: SECRET_LENGTH }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join("");
  return { username: `berth-${randomBytes(4).toString("hex")}`, sealedSecret: sealingKey.seal(new Secret(secret)) };
}
