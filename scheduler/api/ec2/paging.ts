import { Type } from "typebox";
import { parser } from "#shared/schema.ts";
import { Ec2Refusal } from "./refusal.ts";

/** So many at once, also for who does not ask for pages: an answer is made and held whole. Amazon's own limit. */
export const MAX_PAGE = 1000;

export interface Paging {
  readonly MaxResults?: number;
  readonly NextToken?: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** null: there are no more. */
  readonly nextToken: string | null;
}

/** Where a thing stands among its kind: by the instant it was made, then by its name. */
export type Place = readonly [atMs: number, name: string];

const tokens = parser(Type.Tuple([Type.Integer({ minimum: 0 }), Type.String({ maxLength: 600 })]));

/** The token says behind which place to go on, so that it stays true whatever comes and goes. Throws InvalidParameterValue. */
export function pageOf<T>(
  items: readonly T[],
  { MaxResults, NextToken }: Paging,
  placeOf: (item: T) => Place,
): Page<T> {
  const size = Math.min(MaxResults ?? MAX_PAGE, MAX_PAGE);
  const after = NextToken === undefined || NextToken === "" ? null : readToken(NextToken);
  const placed = items.map((item) => [placeOf(item), item] as const);
  const left = after === null ? placed : placed.filter(([place]) => compare(place, after) > 0);
  const shown = left.sort(([a], [b]) => compare(a, b)).slice(0, size);
  const last = shown.at(-1);
  const isMore = left.length > shown.length && last !== undefined;
  return { items: shown.map(([, item]) => item), nextToken: isMore ? writeToken(last[0]) : null };
}

/** Ids say already what is wanted: there is nothing to page. */
export function refusePagesOfIds(ids: readonly string[] | undefined, paging: Paging, name: string): void {
  if (ids === undefined || ids.length === 0 || paging.MaxResults === undefined) return;
  throw new Ec2Refusal(
    "InvalidParameterCombination",
    `The parameter ${name} cannot be used with the parameter MaxResults`,
  );
}

function compare([atMs, name]: Place, [otherMs, other]: Place): number {
  if (atMs !== otherMs) return atMs - otherMs;
  return name < other ? -1 : name > other ? 1 : 0;
}

function writeToken(place: Place): string {
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}

function readToken(token: string): Place {
  try {
    return tokens.parse(JSON.parse(Buffer.from(token, "base64url").toString("utf8")));
  } catch (cause) {
    throw new Ec2Refusal("InvalidParameterValue", "The parameter NextToken is not one that was given here", cause);
  }
}
