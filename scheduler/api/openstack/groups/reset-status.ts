import { needed, under } from "../rest/body.ts";
import { type Kind, oneOf } from "../rest/kinds.ts";
import { refusal, shown } from "../rest/refusal.ts";

const words = oneOf(["available", "error"]);

const status: Kind<"available" | "error"> = {
  schema: words.schema,
  read: (name, value) => {
    const word = typeof value === "string" ? value.toLowerCase() : value;
    if (word === "available" || word === "error") return word;
    throw refusal(`${name} must be available or error, not ${shown(value)}: any other follows from what is under way`);
  },
};

/** What a group, or a group snapshot, is said to be. */
export const ResetStatusBody = under("reset_status", { status: needed(status, "available or error") });
