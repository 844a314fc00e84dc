import { Type } from "typebox";
import { Uuid } from "#shared/model/names.ts";
import type { PlacementHints } from "#shared/model/volume.ts";
import { parser } from "#shared/schema.ts";
import { type Kind, object } from "../rest/kinds.ts";
import { refusal, shown } from "../rest/refusal.ts";

const uuids = parser(Uuid);
const MOST = 64;
const Ids = Type.Union([Uuid, Type.Array(Uuid, { maxItems: MOST }), Type.Null()]);

/** What is not understood is refused: a wish that is passed over in silence is a volume in the wrong place. */
export const schedulerHints: Kind<PlacementHints | undefined> = object(
  (key, hints) => {
    const strange = Object.keys(hints).filter((name) => name !== "same_host" && name !== "different_host");
    if (strange.length > 0)
      throw refusal(
        `${key} cannot have ${strange.join(", ").slice(0, 100)}: same_host and different_host are understood here, each the id of a volume or a list of them`,
      );
    const read = {
      sameAs: readIds("same_host", hints.same_host),
      differentFrom: readIds("different_host", hints.different_host),
    };
    return read.sameAs.length + read.differentFrom.length === 0 ? undefined : read;
  },
  Type.Object({ same_host: Type.Optional(Ids), different_host: Type.Optional(Ids) }, { additionalProperties: false }),
);

function readIds(name: string, value: unknown): string[] {
  if (value === undefined || value === null) return [];
  const ids: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (ids.length > MOST) throw refusal(`${name} names ${ids.length} volumes; at most ${MOST} are allowed`);
  return [
    ...new Set(
      ids.map((id) => {
        if (!uuids.check(id)) throw refusal(`${name} must be the id of a volume or a list of them, not ${shown(id)}`);
        return id;
      }),
    ),
  ];
}
