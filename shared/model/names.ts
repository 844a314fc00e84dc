import { Type } from "typebox";
import { MAX_VOLUME_GIB } from "../units.ts";

/** An id that Berth makes: UUID version 4 in lower case. It may stand in a path, a subject or an object's name. */
export const Uuid = Type.String({ pattern: "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description: "a UUID" });

/** Zone names become part of NATS subjects and stream names, hence the narrow alphabet. */
export const ZoneName = Type.String({
  pattern: "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$",
  description: "lower-case letters, digits and hyphens, at most 40",
});

/** Host names for work tied to one host; the same alphabet as zones, dots written as hyphens. */
export const HostName = ZoneName;

export const FlavorName = Type.String({
  pattern: "^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$",
  description: "letters, digits, dots, hyphens and underscores, at most 64",
});

/** Backends are numbered as operators know it (`backend remove 1`); a number is never used again. */
export const BackendId = Type.Integer({ minimum: 1, maximum: 1_000_000 });

/** Free text from users: any letters, quotes and emoji, but no control characters, which would break tables and logs. */
const PRINTABLE = "[^\\u0000-\\u001f\\u007f\\u2028\\u2029]";
export const DisplayName = Type.String({ maxLength: 255, pattern: `^${PRINTABLE}*$` });
export const Description = Type.String({ maxLength: 255, pattern: `^${PRINTABLE}*$` });
// A record's keys are checked by their pattern alone, and only if no other keys are let in beside it.
export const Metadata = Type.Record(
  Type.String({ pattern: `^${PRINTABLE}{1,255}$` }),
  // OpenStack's own limit is 255 (`openstack/rest/kinds.ts`); what came as a tag of EC2's may have one more.
  Type.String({ maxLength: 256 }),
  { maxProperties: 128, additionalProperties: false },
);

export const ProjectId = Type.String({ pattern: "^[A-Za-z0-9._-]{1,255}$", description: "a project id" });
export const UserId = ProjectId;

export const SizeGib = Type.Integer({ minimum: 1, maximum: MAX_VOLUME_GIB, description: "whole GiB" });
export const Bytes = Type.Integer({ minimum: 0 });
export const BytesPerS = Type.Integer({ minimum: 1 });
/** An instant by the scheduler's clock, milliseconds since 1970. For people; no decision compares two machines' clocks. */
export const EpochMs = Type.Integer({ minimum: 0 });
/** A place in the ledger: the number of the commit. */
export const LedgerSeq = Type.Integer({ minimum: 0 });
