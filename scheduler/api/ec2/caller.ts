import type { Sealing } from "#shared/sealed.ts";
import { Secret } from "#shared/secret.ts";
import type { CatalogueIndex } from "../../core/catalogue-index.ts";
import { type Identity, rolesOf } from "../../identity/identity.ts";
import { Ec2Refusal } from "./refusal.ts";
import { isSignedWith, readSignature, type Signature, type SignedRequest } from "./signature.ts";

/** As whom a request is done: EC2 knows one account, which is the key's project. */
export interface Ec2Caller {
  readonly projectId: string;
  readonly userId: string;
  readonly mayWrite: boolean;
  readonly roles: Identity["roles"];
  /** As the client calls it; there is only one here. */
  readonly region: string;
  readonly requestId: string;
}

/** So far may a client's clock be from ours. */
const SKEW_MS = 5 * 60_000;
/** Compared with where no key is known, so that the time that it takes does not tell which are. */
const NOBODYS = new Secret("nobody's");

const NO_KEYS = "There are no keys for the EC2 API yet. An operator makes one: berth ec2-key create --project PROJECT";
const NOT_KNOWN = "Berth was not able to validate the provided access credentials";

/** Throws AuthFailure and the other codes for requests that are not, or not rightly, signed; RequestExpired. */
export function authenticate(
  request: SignedRequest,
  {
    catalogue,
    sealingKey,
    nowMs,
    requestId,
  }: {
    readonly catalogue: CatalogueIndex;
    readonly sealingKey: Sealing;
    readonly nowMs: number;
    readonly requestId: string;
  },
): Ec2Caller {
  if ((catalogue.catalogue.ec2Keys ?? []).length === 0) throw new Ec2Refusal("AuthFailure", NO_KEYS);
  const signed = readSignature(request);
  requireRecent(signed, nowMs);
  const key = catalogue.ec2Key(signed.accessKeyId);
  const secret = key === undefined ? NOBODYS : sealingKey.open(key.sealedSecret);
  if (!isSignedWith(request, signed, secret) || key === undefined) throw new Ec2Refusal("AuthFailure", NOT_KNOWN);
  const { projectId, userId, role } = key;
  return {
    projectId,
    userId,
    mayWrite: role !== "reader",
    roles: rolesOf([role]),
    region: signed.scope.region,
    requestId,
  };
}

function requireRecent({ signedAtMs, expiresMs }: Signature, nowMs: number): void {
  const isEarly = signedAtMs - nowMs > SKEW_MS;
  const isLate = nowMs - signedAtMs > (expiresMs ?? SKEW_MS);
  if (isEarly || isLate)
    throw new Ec2Refusal(
      "RequestExpired",
      `Request has expired. It was signed at ${instant(signedAtMs)}; it is ${instant(nowMs)}`,
    );
}

function instant(atMs: number): string {
  return new Date(atMs).toISOString();
}
