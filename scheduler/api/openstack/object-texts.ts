import type { ObjectTexts } from "../../core/commands.ts";
import { alias, type Read } from "./rest/body.ts";
import { metadata, text } from "./rest/kinds.ts";

/** What a `PUT` of a volume or snapshot may change. */
export const ObjectTextsFields = {
  name: alias(text, "display_name"),
  description: alias(text, "display_description"),
  metadata,
};

/** What is not given stays. */
export function objectTexts({ name, description, metadata }: Read<typeof ObjectTextsFields>): ObjectTexts {
  return {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}
