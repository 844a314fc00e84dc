import { Type } from "typebox";
import { DisplayName } from "#shared/model/names.ts";
import { type Kind, text } from "../rest/kinds.ts";
import { isJsonObject, refusal } from "../rest/refusal.ts";

/** `source-name` or `source-id`, or a text alone: a backend here has one name for what stands on it. */
export const ref: Kind<string> = {
  schema: Type.Union([
    DisplayName,
    Type.Object({ "source-name": Type.Optional(DisplayName), "source-id": Type.Optional(DisplayName) }),
  ]),
  read: (name, value) => {
    const given = isJsonObject(value) ? (value["source-name"] ?? value["source-id"]) : value;
    if (given === undefined || given === null || given === "")
      throw refusal(`${name} is needed: {"source-name": what it is called on the backend}`);
    return text.read(name, given);
  },
};
