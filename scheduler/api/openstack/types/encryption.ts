import { randomUUID } from "node:crypto";
import { Type } from "typebox";
import type { EncryptionSpecs } from "#shared/model/encryption.ts";
import {
  changeEncryption,
  createEncryption,
  deleteEncryption,
  noEncryption,
} from "../../../catalogue/encryption-edits.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { unlessUsed } from "../in-use.ts";
import { type Operation, operation, operationWith } from "../rest/operation.ts";
import {
  ChangedAnswer,
  CreateBody,
  changeOf,
  EncryptionView,
  encryptionView,
  MadeAnswer,
  told,
  UpdateBody,
} from "./encryption-fields.ts";
import { requireType } from "./find.ts";

/**
 * How hosts encrypt a type's volumes. While there are any it stays: what they wrote is not written anew. The id in the
 * path may be any, for a type has one such set at most.
 */
export function typeEncryptionOperations({
  engine,
  catalogue,
  nowMs = Date.now,
}: ApiDependencies): readonly Operation[] {
  const find = (id: string) => requireType(engine.state.catalogue.catalogue, id);
  return [
    operation({
      name: "volume_extension:volume_type_encryption:get",
      summary: "How hosts encrypt its volumes",
      method: "GET",
      path: "/types/:id/encryption",
      access: "admin",
      status: 200,
      answer: EncryptionView,
      handle: ({ param }) => {
        const { id, encryption } = find(param("id"));
        return encryption === undefined ? {} : encryptionView(id, encryption);
      },
    }),
    operationWith(CreateBody, {
      name: "volume_extension:volume_type_encryption:create",
      summary: "Say how hosts are to encrypt its volumes",
      method: "POST",
      path: "/types/:id/encryption",
      access: "admin",
      status: 200,
      answer: MadeAnswer,
      handle: async ({ body, param }) => {
        const { id } = find(param("id"));
        const made: EncryptionSpecs = {
          id: randomUUID(),
          provider: body.provider,
          controlLocation: body.control_location,
          cipher: body.cipher ?? null,
          keySizeBits: body.key_size ?? null,
          createdAtMs: nowMs(),
        };
        await unlessUsed("Cannot create encryption specs. Volume type in use.", () =>
          catalogue.edit((before) => createEncryption(before, id, made)),
        );
        return { encryption: { volume_type_id: id, encryption_id: made.id, ...told(made) } };
      },
    }),
    operation({
      name: "volume_extension:volume_type_encryption:get_item",
      summary: "One of its words",
      method: "GET",
      path: "/types/:id/encryption/:key",
      access: "admin",
      status: 200,
      answer: Type.Record(Type.String(), Type.Unknown()),
      handle: ({ param }) => {
        const { id, encryption } = find(param("id"));
        const key = param("key");
        const all = new Map(Object.entries(encryption === undefined ? {} : encryptionView(id, encryption)));
        if (!all.has(key)) throw noEncryption(id);
        return { [key]: all.get(key) };
      },
    }),
    operationWith(UpdateBody, {
      name: "volume_extension:volume_type_encryption:update",
      summary: "Change how hosts are to encrypt its volumes, while there are none",
      method: "PUT",
      path: "/types/:id/encryption/:key",
      access: "admin",
      status: 200,
      answer: ChangedAnswer,
      handle: async ({ body, param }) => {
        const { id } = find(param("id"));
        const change = { ...changeOf(body), updatedAtMs: nowMs() };
        await unlessUsed("Cannot update encryption specs. Volume type in use.", () =>
          catalogue.edit((before) => changeEncryption(before, id, change)),
        );
        const given = Object.entries(body).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]));
        return { encryption: Object.fromEntries(given) };
      },
    }),
    operation({
      name: "volume_extension:volume_type_encryption:delete",
      summary: "Its volumes are not encrypted from now on, while there are none",
      method: "DELETE",
      path: "/types/:id/encryption/:key",
      access: "admin",
      status: 202,
      handle: ({ param }) =>
        unlessUsed("Cannot delete encryption specs. Volume type in use.", () =>
          catalogue.edit((before) => deleteEncryption(before, find(param("id")).id)),
        ),
    }),
  ];
}
