import { type TSchema, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import type { Access } from "../../access.ts";
import type { Body } from "./body.ts";
import { type Call, type Given, type Operation, type RawCall, type Served, served } from "./operation.ts";
import { requireAccess } from "./policy.ts";
import { isJsonObject, refusal } from "./refusal.ts";

interface ActionFacts {
  /** As the body names it: `os-extend`. */
  readonly action: string;
  /** As policies name it: `volume:extend`. */
  readonly name: string;
  readonly summary: string;
  readonly since?: number;
  readonly access?: Access;
  readonly status: 200 | 202 | 204;
}

export interface ActionSpec<B, A extends TSchema | undefined> extends ActionFacts {
  readonly answer?: A;
  readonly handle: (call: Call<B, "id">) => Given<A> | Promise<Given<A>>;
}

/** One of the things that `POST …/ID/action` does. */
export interface Action extends ActionFacts {
  readonly bodySchema: TSchema;
  readonly answerSchema: TSchema | null;
  readonly serve: (call: RawCall) => Promise<Served>;
}

/** `body` is read from the whole `{"os-extend": {…}}`. */
export function action<B, A extends TSchema | undefined = undefined>(body: Body<B>, spec: ActionSpec<B, A>): Action {
  const { handle, answer, ...facts } = spec;
  return {
    ...facts,
    bodySchema: body.schema,
    answerSchema: answer ?? null,
    serve: async (call) =>
      served(facts.status, answer, await handle({ ...call, body: body.read(call.body, call.minor) })),
  };
}

/** All actions on one kind of object. What they tell may be a secret (CHAP), so nobody on the way may keep it. */
export function actionsOn(
  facts: Pick<Operation, "name" | "summary" | "path" | "since">,
  actions: readonly Action[],
): Operation {
  const byName = new Map(actions.map((one) => [one.action, one]));
  const answers = actions.flatMap(({ answerSchema }) => answerSchema ?? []);
  return {
    ...facts,
    method: "POST",
    access: actions.every(({ access }) => access === "admin") ? "admin" : "member",
    status: 202,
    secret: true,
    bodySchema: Type.Union(actions.map(({ bodySchema }) => bodySchema)),
    answerSchema: answers.length === 0 ? null : Type.Union(answers),
    serve: async (call) => {
      const { body, minor, caller } = call;
      const [name, ...others] = isJsonObject(body) ? Object.keys(body) : [];
      if (name === undefined || others.length > 0)
        throw refusal("the body must be a JSON object with one key, the action");
      const known = byName.get(name);
      if (known === undefined)
        throw refusal(`There is no such action: ${name.slice(0, 60)}; actions are: ${[...byName.keys()].join(", ")}`);
      if (minor < (known.since ?? 0))
        throw new BerthError("E_NOT_FOUND", `There is no such action: ${name}; it is there from 3.${known.since}.`);
      requireAccess(caller, known.access ?? "member", known.name);
      return await known.serve(call);
    },
  };
}
