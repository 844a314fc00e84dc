import { ownerFrom, TokenIdentities, type TokenKeeper, type TokenOwner } from "#scheduler/identity/tokens.ts";

/** `token: [project, …roles]`, with the user called as the token. */
export type KnownTokens = Readonly<Record<string, readonly [project: string | null, ...roles: string[]]>>;

/** Who asks, by tokens that are written down in the test. */
export function identitiesOf(known: KnownTokens): TokenIdentities {
  const owners = new Map<string, TokenOwner>();
  for (const [token, [project, ...roles]] of Object.entries(known)) owners.set(token, ownerFrom(token, project, roles));
  const keeper: TokenKeeper = {
    challenge: 'Token realm="test"',
    ownerOf: (token) => owners.get(token) ?? null,
    close: async () => undefined,
  };
  return new TokenIdentities(keeper);
}
