import { type Static, Type } from "typebox";
import { ConnectorNeed } from "../model/attachment.ts";
import { type DriverDeclaration, SecretReference } from "./declaration.ts";

const Chance = Type.Number({ minimum: 0, maximum: 1 });

/**
 * A backend that moves no bytes. `capacity_gib` and what it holds are real arithmetic; the rest tells it to misbehave.
 * It keeps its objects in a folder if it is given one (`state_path`), so that all agents of a zone see the same.
 */
export const FakeParameters = Type.Object(
  {
    capacity_gib: Type.Union([
      Type.Number({ minimum: 0, maximum: 1024 ** 3 }),
      Type.Literal("infinite"),
      Type.Literal("unknown"),
    ]),
    pool: Type.Optional(
      Type.String({ pattern: "^[A-Za-z0-9._-]{1,64}$", description: "fakes with one pool share its space" }),
    ),
    thin: Type.Optional(Type.Boolean({ description: "promise more than there is (false)" })),
    max_objects: Type.Optional(Type.Integer({ minimum: 0 })),
    state_path: Type.Optional(Type.String({ pattern: "^/[^\\u0000-\\u001f]*$", maxLength: 1024 })),
    log_calls: Type.Optional(Type.Boolean({ description: "log each call (the `logging` driver's form)" })),
    slow_ms: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 3_600_000, description: "how long each operation takes" }),
    ),
    full: Type.Optional(
      Type.Boolean({ description: "answers no-space to each create and extend, whatever it reports" }),
    ),
    dependent_copies: Type.Optional(
      Type.Boolean({ description: "copies stand upon their originals, which cannot go before them (false)" }),
    ),
    fail_chance: Type.Optional(Chance),
    lose_answer_chance: Type.Optional(Chance),
    dead: Type.Optional(Type.Boolean({ description: "cannot be opened or measured" })),
    hang: Type.Optional(Type.Boolean({ description: "operations never end by themselves" })),
    lie_free_gib: Type.Optional(Type.Number({ minimum: 0, description: "reports this as free, whatever is" })),
    seed: Type.Optional(
      Type.Integer({ minimum: 0, description: "of the chances: the same seed fails the same calls" }),
    ),
    connector_needs: Type.Optional(
      Type.Array(ConnectorNeed, { uniqueItems: true, description: "what hosts must say of themselves to be let in" }),
    ),
    password: Type.Optional(SecretReference),
  },
  { additionalProperties: false },
);
export type FakeParameters = Static<typeof FakeParameters>;

/** Where a mirror of it stands, and how that one misbehaves. */
export const FakeTargetParameters = Type.Object(
  {
    ...Type.Pick(FakeParameters, ["state_path", "slow_ms", "dead", "hang", "password"]).properties,
    capacity_gib: Type.Optional(FakeParameters.properties.capacity_gib),
    link_broken: Type.Optional(Type.Boolean({ description: "what is made or removed from now on is not mirrored" })),
  },
  { additionalProperties: false },
);
export type FakeTargetParameters = Static<typeof FakeTargetParameters>;

export const fakeDeclaration: DriverDeclaration = {
  name: "fake",
  title: "Moves no bytes: for demonstrations, dry runs and tests; can be slow, full, lossy, dead or lying",
  parameters: FakeParameters,
  replicationTarget: FakeTargetParameters,
  example: "berth backend add silver fake capacity_gib=1000 --zone north",
  location: [],
};

export const loggingDeclaration: DriverDeclaration = {
  ...fakeDeclaration,
  name: "logging",
  title: "The fake driver with log_calls on: logs each call instead of doing it",
  example: "berth backend add silver logging capacity_gib=infinite --zone north",
};
