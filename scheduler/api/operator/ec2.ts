import { randomBytes, randomInt } from "node:crypto";
import type { Catalogue } from "#shared/model/catalogue.ts";
import type { Ec2Key } from "#shared/model/ec2.ts";
import { Secret } from "#shared/secret.ts";
import { ec2Edits } from "../../catalogue/edits.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import {
  CreateEc2KeyBody,
  Ec2KeyList,
  Ec2KeyMade,
  type Ec2KeyView,
  Ec2TypeList,
  OnEc2Key,
  OnEc2Type,
  SetEc2TypeBody,
} from "./ec2-schemas.ts";

const DEFAULT_USER = "ec2";
/** As long as Amazon's, and of the same letters: some programs look at them. */
const KEY_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const KEY_LENGTH = 20;
const SECRET_BYTES = 30;

/** Who may ask by the EC2 API, and what its volume types mean. */
export function ec2OperatorRoutes(
  app: Api,
  base: string,
  { engine, catalogue, sealingKey, nowMs = Date.now }: ApiDependencies,
): void {
  const { state } = engine;

  app.get(`${base}/ec2-keys`, { schema: { response: { 200: Ec2KeyList } } }, async () => ({
    ec2Keys: (state.catalogue.catalogue.ec2Keys ?? []).map(keyView),
  }));

  app.post(
    `${base}/ec2-keys`,
    { schema: { body: CreateEc2KeyBody, response: { 201: Ec2KeyMade } } },
    async ({ body: { projectId, userId = DEFAULT_USER, role = "member" } }, reply) => {
      const secret = new Secret(randomBytes(SECRET_BYTES).toString("base64url"));
      const key: Ec2Key = {
        accessKeyId: newAccessKeyId(),
        sealedSecret: sealingKey.seal(secret),
        projectId,
        userId,
        role,
        createdAtMs: nowMs(),
      };
      await catalogue.edit((before) => ec2Edits.createEc2Key(before, key));
      void reply.header("cache-control", "no-store");
      return reply.code(201).send({ ec2Key: keyView(key), secretAccessKey: secret.reveal() });
    },
  );

  app.delete(`${base}/ec2-keys/:id`, { schema: { params: OnEc2Key } }, async ({ params: { id } }, reply) => {
    await catalogue.edit((before) => ec2Edits.deleteEc2Key(before, id));
    return reply.code(204).send();
  });

  app.get(`${base}/ec2-types`, { schema: { response: { 200: Ec2TypeList } } }, async () =>
    typeList(state.catalogue.catalogue),
  );

  app.put(
    `${base}/ec2-types/:name`,
    { schema: { params: OnEc2Type, body: SetEc2TypeBody, response: { 200: Ec2TypeList } } },
    async ({ params: { name }, body: { flavor } }) =>
      typeList(await catalogue.edit((before) => ec2Edits.setEc2VolumeType(before, name, flavor))),
  );

  app.delete(`${base}/ec2-types/:name`, { schema: { params: OnEc2Type } }, async ({ params: { name } }, reply) => {
    await catalogue.edit((before) => ec2Edits.unsetEc2VolumeType(before, name));
    return reply.code(204).send();
  });
}

function keyView({ sealedSecret: _, ...key }: Ec2Key): Ec2KeyView {
  return key;
}

function typeList({ ec2VolumeTypes = {} }: Catalogue): Ec2TypeList {
  return { ec2Types: Object.entries(ec2VolumeTypes).map(([type, flavor]) => ({ type, flavor })) };
}

function newAccessKeyId(): string {
  const letters = Array.from({ length: KEY_LENGTH }, () => KEY_LETTERS[randomInt(KEY_LETTERS.length)]);
  return letters.join("");
}
