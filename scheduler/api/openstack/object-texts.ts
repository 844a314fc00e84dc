import type { ObjectTexts } from "../../core/commands.ts";
import type { BodyFields } from "./fields.ts";

/** What a `PUT` of a volume or snapshot may change. What is not given stays. */
export function readObjectTexts(fields: BodyFields): ObjectTexts {
  const name = fields.text("name", "display_name");
  const description = fields.text("description", "display_description");
  const metadata = fields.metadata("metadata");
  return {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}
