import type { ObjectTexts } from "../../core/commands.ts";
import { alias, clearable, type Read } from "./rest/body.ts";
import { metadata, text } from "./rest/kinds.ts";
import { refusal } from "./rest/refusal.ts";

/** What a `PUT` of a volume or snapshot may change. */
export const ObjectTextsFields = {
  name: alias(clearable(text), "display_name"),
  description: alias(clearable(text), "display_description"),
  metadata,
};

/** From here on something must be given. */
const NEEDED_SINCE = 53;

/** What is not given stays. */
export function objectTexts(
  { name, description, metadata }: Read<typeof ObjectTextsFields>,
  minor: number,
): ObjectTexts {
  if (minor >= NEEDED_SINCE && name === undefined && description === undefined && metadata === undefined)
    throw refusal("one of name, description, display_name, display_description and metadata is needed");
  return {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}
