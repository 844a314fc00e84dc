import type { Static, TObject } from "typebox";
import type { CommandKind, Commands } from "../../core/commands.ts";
import type { State } from "../../core/state.ts";
import type { ApiDependencies } from "../dependencies.ts";
import { withSecondLook } from "../second-look.ts";
import type { Ec2Caller } from "./caller.ts";
import type { Renamed } from "./errors.ts";
import { parameterReader } from "./parameters.ts";
import type { Given } from "./query.ts";
import { Ec2Refusal } from "./refusal.ts";
import type { XmlFields } from "./xml.ts";

/** What an action works with. */
export interface Ec2Context {
  readonly dependencies: ApiDependencies;
  readonly state: State;
  readonly caller: Ec2Caller;
  readonly nowMs: number;
  /** Decides; or, for a dry run, throws DryRunOperation in place of it, or what would have been refused. */
  submit<K extends CommandKind>(kind: K, input: Commands[K]["input"]): Promise<Commands[K]["reply"]>;
}

export interface Action {
  /** `reader`: it changes nothing. */
  readonly access: "reader" | "member";
  /** What its refusals are called, where that is not what they are called elsewhere. */
  readonly renamed: Renamed;
  perform(context: Omit<Ec2Context, "submit">, given: ReadonlyMap<string, Given>): Promise<XmlFields>;
}

type Run<S extends TObject> = (context: Ec2Context, asked: Static<S>) => Promise<XmlFields>;

/** An action that only tells. Its dry run does all of it but tell. */
export function telling<S extends TObject>(schema: S, run: Run<S>): Action {
  return action("reader", schema, run, {});
}

export function changing<S extends TObject>(schema: S, run: Run<S>, renamed: Renamed = {}): Action {
  return action("member", schema, run, renamed);
}

function action<S extends TObject>(access: Action["access"], schema: S, run: Run<S>, renamed: Renamed): Action {
  const read = parameterReader(schema);
  return {
    access,
    renamed,
    async perform(known, given) {
      const isDryRun = given.get("DryRun") === "true";
      const { engine } = known.dependencies;
      const submit: Ec2Context["submit"] = async (kind, input) => {
        if (!isDryRun) return await withSecondLook(known.dependencies, () => engine.submit(kind, input));
        await withSecondLook(known.dependencies, async () => engine.rehearse(kind, input));
        throw wouldDo();
      };
      const told = await run({ ...known, submit }, read(given));
      if (isDryRun) throw wouldDo();
      return told;
    },
  };
}

function wouldDo(): Ec2Refusal {
  return new Ec2Refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
}
