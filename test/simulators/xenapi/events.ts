import type { Change, Database } from "./database.ts";
import { CLASSES, type ClassName, classNamed, HIDDEN, isClass } from "./datamodel.ts";
import { XenFailure } from "./failure.ts";
import { type Method, method, str, type Xapi } from "./method.ts";
import { DateTime, Int, type Typed, typedRecord } from "./typed.ts";
import { list, now, type XenValue } from "./values.ts";

const PER_BATCH = 2_000;
const LEGACY_WAIT_MS = 30_000;

type Wanted = (className: ClassName, ref: string) => boolean;

/** Events by token (`event.from`), and the older way by registering. */
export function eventMethods({ database, desk }: Xapi, assertSession: (session: string) => void): Method[] {
  const registered = new Map<string, { classes: string[]; generation: number }>();
  const alone = { async: false } as const;
  return [
    method(
      "event.from",
      ["set", "string", "float"],
      "typed",
      async ({ session }, args) => {
        const classes = textsOf(args[0]);
        const wanted = subscription(classes);
        const token = str(args, 1);
        if (desk.faults.take("token-rejected", "event.from") !== null)
          throw new XenFailure("EVENT_FROM_TOKEN_PARSE_FAILURE", token);
        if (desk.faults.take("events-lost", "event.from") !== null) {
          database.loseEvents();
          throw new XenFailure("EVENTS_LOST");
        }
        const since = generationOf(token);
        const endMs = Date.now() + Number(args[2] ?? 0) * 1000;
        for (;;) {
          const changes = changesSince(database, since).filter((one) => wanted(one.className, one.ref));
          const leftMs = endMs - Date.now();
          if (changes.length > 0 || leftMs <= 0) return batch(database, changes, wanted);
          await database.nextChange(leftMs);
          assertSession(session);
        }
      },
      alone,
    ),
    method(
      "event.inject",
      ["string", "ref"],
      "string",
      (_caller, args) => {
        const className = classNamed(str(args, 0));
        if (className === null) throw new XenFailure("INTERNAL_ERROR", `no class ${str(args, 0)}`);
        database.touch(className, str(args, 1));
        return tokenOf(database.generation);
      },
      alone,
    ),
    method("event.get_current_id", [], "int", () => database.generation, alone),
    method(
      "event.register",
      ["set"],
      "void",
      ({ session }, args) => {
        const known = registered.get(session);
        const classes = [...(known?.classes ?? []), ...textsOf(args[0])];
        subscription(classes);
        registered.set(session, { classes, generation: known?.generation ?? database.generation });
        return "";
      },
      alone,
    ),
    method(
      "event.unregister",
      ["set"],
      "void",
      ({ session }, args) => {
        const known = registered.get(session);
        const gone = new Set(textsOf(args[0]).map((name) => name.toLowerCase()));
        const classes = known?.classes.filter((name) => !gone.has(name.toLowerCase())) ?? [];
        if (known === undefined || classes.length === 0) registered.delete(session);
        else registered.set(session, { ...known, classes });
        return "";
      },
      alone,
    ),
    method(
      "event.next",
      [],
      "typed",
      async ({ session }) => {
        const known = registered.get(session);
        if (known === undefined) throw new XenFailure("SESSION_NOT_REGISTERED", session);
        const endMs = Date.now() + LEGACY_WAIT_MS;
        for (;;) {
          const { generation } = database;
          const wanted = subscription(known.classes);
          const changes = changesSince(database, known.generation).filter((one) => wanted(one.className, one.ref));
          if (changes.length > 0 || Date.now() >= endMs) {
            known.generation = generation;
            return changes.map((change) => printed(database, change));
          }
          await database.nextChange(endMs - Date.now());
          assertSession(session);
        }
      },
      alone,
    ),
  ];
}

function textsOf(value: XenValue | undefined): string[] {
  return list({ value: value ?? [] }, "value");
}

function changesSince(database: Database, generation: number): Change[] {
  const changes = database.changesSince(generation);
  if (changes === null) throw new XenFailure("EVENTS_LOST");
  return changes;
}

function batch(database: Database, changes: readonly Change[], wanted: Wanted): Typed {
  const told = changes.slice(0, PER_BATCH);
  const last = told.at(-1);
  const generation = told.length < changes.length && last !== undefined ? last.generation : database.generation;
  const counts = Object.keys(CLASSES).flatMap((name) => {
    if (!isClass(name) || HIDDEN.has(name)) return [];
    const count = [...database.table(name).keys()].filter((ref) => wanted(name, ref)).length;
    return [[name.toLowerCase(), new Int(count)] as const];
  });
  return {
    events: told.map((change) => printed(database, change)),
    valid_ref_counts: Object.fromEntries(counts),
    token: tokenOf(generation),
  };
}

function printed(database: Database, { className, ref, operation, generation }: Change): Typed {
  const row = database.find(className, ref);
  return {
    id: new Int(generation),
    timestamp: new DateTime(now()),
    class: className.toLowerCase(),
    operation: row === undefined ? "del" : operation,
    ref,
    ...(row === undefined ? {} : { snapshot: typedRecord(className, database.record(className, ref)) }),
  };
}

function subscription(classes: readonly string[]): Wanted {
  const parts = classes.map((one) => {
    if (one === "*") return () => true;
    const [name = "", ref] = one.split("/", 2);
    if (name === "" || ref === "") throw new XenFailure("EVENT_SUBSCRIPTION_PARSE_FAILURE", one);
    return (className: ClassName, changed: string) =>
      className.toLowerCase() === name.toLowerCase() && (ref === undefined || ref === changed);
  });
  return (className, ref) => parts.some((part) => part(className, ref));
}

function tokenOf(generation: number): string {
  const part = String(generation).padStart(20, "0");
  return `${part},${part}`;
}

function generationOf(token: string): number {
  if (token === "") return 0;
  const [, digits] = /^(\d+),\d+$/.exec(token) ?? [];
  if (digits === undefined) throw new XenFailure("EVENT_FROM_TOKEN_PARSE_FAILURE", token);
  return Number(digits);
}
