import { XMLParser, XMLValidator } from "fast-xml-parser";
import { type Static, Type } from "typebox";
import { parser } from "#shared/schema.ts";

const Word = Type.Optional(Type.String());
const Digits = Type.String({ pattern: "^\\d{1,16}$" });

/** Who may reach it. `iqn` empty: whoever shows the secret, which is told in clear. Never to be logged. */
const Permission = Type.Object({
  iqn: Word,
  access: Word,
  authGroup: Word,
  chapName: Word,
  chapRequired: Word,
  targetSecret: Word,
});
export type Permission = Static<typeof Permission>;

const StoredFields = {
  name: Type.String(),
  /** In bytes. */
  size: Digits,
  description: Word,
  iscsiIqn: Word,
  deleting: Word,
  /** Ends in 16 hexadecimal digits, which only ever grow. */
  serialNumber: Word,
  permission: Type.Optional(Type.Array(Permission)),
};

const CliqSnapshot = Type.Object(StoredFields);
export type CliqSnapshot = Static<typeof CliqSnapshot>;

const CliqVolume = Type.Object({
  ...StoredFields,
  clusterName: Word,
  thinProvision: Word,
  initialQuota: Type.Optional(Digits),
  snapshot: Type.Optional(Type.Array(CliqSnapshot)),
});
export type CliqVolume = Static<typeof CliqVolume>;

/** Capacity and its unit are read by `capacity.ts`: some systems do not tell them. */
const CliqCluster = Type.Object({
  name: Type.String(),
  blockSize: Word,
  spaceTotal: Word,
  unprovisionedSpace: Word,
  storageNodeCount: Word,
  vip: Type.Optional(Type.Array(Type.Object({ ipAddress: Type.String() }))),
  volume: Type.Optional(Type.Array(CliqVolume)),
  /** Of volumes that are gone. */
  snapshot: Type.Optional(Type.Array(CliqSnapshot)),
});
export type CliqCluster = Static<typeof CliqCluster>;

const CliqServer = Type.Object({ name: Type.String(), iqn: Word, initiator: Word, chapRequired: Word });
export type CliqServer = Static<typeof CliqServer>;

/** An answer to `output=XML`. What nobody here asks for is left out. */
const Answer = Type.Object({
  response: Type.Object({
    /** `0`, a small number, or eight hexadecimal digits. */
    result: Type.String({ pattern: "^[0-9A-Fa-f]{1,8}$" }),
    name: Word,
    description: Word,
    volume: Type.Optional(Type.Array(CliqVolume)),
    snapshot: Type.Optional(Type.Array(CliqSnapshot)),
    cluster: Type.Optional(Type.Array(CliqCluster)),
    server: Type.Optional(Type.Array(CliqServer)),
  }),
});
const Document = parser(Type.Object({ gauche: Answer }), "the answer");

export type CliqAnswer = Static<typeof Answer>["response"];

const LISTS = new Set(["volume", "snapshot", "cluster", "vip", "permission", "server"]);
const xml = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: "",
  parseAttributeValue: false,
  parseTagValue: false,
  ignoreDeclaration: true,
  isArray: (name, _path, _isLeaf, isAttribute) => isAttribute !== true && LISTS.has(name),
});

/** Throws what is wrong with it: half an answer, or none. The text may hold secrets and is not repeated. */
export function parseAnswer(text: string): CliqAnswer {
  const start = text.indexOf("<");
  const document = start < 0 ? "" : text.slice(start);
  // What is defined in a document type is nothing that this system ever sends.
  if (/<!DOCTYPE|<!ENTITY/i.test(document)) throw new Error("the answer has a document type");
  if (XMLValidator.validate(document) !== true) throw new Error("the answer is not whole XML");
  const parsed: unknown = xml.parse(document);
  return Document.parse(parsed).gauche.response;
}
