import { CLASSES, type ClassName, type Field, HIDDEN, isClass, NAMED } from "./datamodel.ts";
import { XenFailure } from "./failure.ts";
import { type Method, method, str, type Xapi } from "./method.ts";
import { typedRecord } from "./typed.ts";
import { list, map, type Row, text } from "./values.ts";

/** The messages that every class has by its fields alone. */
export function accessors(xapi: Xapi): Method[] {
  return Object.keys(CLASSES).flatMap((name) => (isClass(name) && !HIDDEN.has(name) ? ofClass(xapi, name) : []));
}

const plainly = { async: false } as const;

function ofClass(xapi: Xapi, className: ClassName): Method[] {
  const { database } = xapi;
  const on = (message: string): string => `${className}.${message}`;
  const listed =
    className === "session"
      ? []
      : [
          method(on("get_all"), [], "set", () => [...database.table(className).keys()], plainly),
          method(on("get_all_records"), [], "typed", () => records(xapi, className, () => true), plainly),
          method(
            on("get_all_records_where"),
            ["string"],
            "typed",
            (_caller, args) => records(xapi, className, parseFilter(str(args, 0))),
            plainly,
          ),
        ];
  const named = NAMED.has(className)
    ? [
        method(
          on("get_by_name_label"),
          ["string"],
          "set",
          (_caller, args) =>
            [...database.table(className)].filter(([, row]) => row.name_label === str(args, 0)).map(([ref]) => ref),
          plainly,
        ),
      ]
    : [];
  return [
    ...listed,
    ...named,
    method(
      on("get_record"),
      ["ref"],
      { record: className },
      (_caller, args) => database.record(className, str(args, 0)),
      plainly,
    ),
    method(on("get_by_uuid"), ["string"], "ref", (_caller, args) => database.byUuid(className, str(args, 0)), plainly),
    ...Object.entries(CLASSES[className]).flatMap(([field, declared]) => ofField(xapi, className, field, declared)),
  ];
}

function ofField({ database }: Xapi, className: ClassName, field: string, { type, words, qualifier }: Field): Method[] {
  const getter = method(
    `${className}.get_${field}`,
    ["ref"],
    type,
    (_caller, args) => database.record(className, str(args, 0))[field] ?? "",
    plainly,
  );
  if (qualifier !== "RW") return [getter];
  const setter = method(
    `${className}.set_${field}`,
    ["ref", words === undefined ? type : { type, words }],
    "void",
    (_caller, args) => {
      database.update(className, str(args, 0), { [field]: args[1] ?? "" });
      return "";
    },
    plainly,
  );
  if (type === "map")
    return [
      getter,
      setter,
      method(
        `${className}.add_to_${field}`,
        ["ref", "string", "string"],
        "void",
        (_caller, args) => {
          const [ref, key] = [str(args, 0), str(args, 1)];
          const row = database.get(className, ref);
          const now = map(row, field);
          if (Object.hasOwn(now, key))
            throw new XenFailure("MAP_DUPLICATE_KEY", className, field, text(row, "uuid"), key);
          database.update(className, ref, { [field]: { ...now, [key]: str(args, 2) } });
          return "";
        },
        plainly,
      ),
      method(
        `${className}.remove_from_${field}`,
        ["ref", "string"],
        "void",
        (_caller, args) => {
          const ref = str(args, 0);
          const { [str(args, 1)]: _gone, ...left } = map(database.get(className, ref), field);
          database.update(className, ref, { [field]: left });
          return "";
        },
        plainly,
      ),
    ];
  if (type === "set")
    return [
      getter,
      setter,
      method(
        `${className}.add_${field}`,
        ["ref", "string"],
        "void",
        (_caller, args) => {
          const ref = str(args, 0);
          const now = list(database.get(className, ref), field).filter((one) => one !== str(args, 1));
          database.update(className, ref, { [field]: [...now, str(args, 1)] });
          return "";
        },
        plainly,
      ),
      method(
        `${className}.remove_${field}`,
        ["ref", "string"],
        "void",
        (_caller, args) => {
          const ref = str(args, 0);
          const left = list(database.get(className, ref), field).filter((one) => one !== str(args, 1));
          database.update(className, ref, { [field]: left });
          return "";
        },
        plainly,
      ),
    ];
  return [getter, setter];
}

function records({ database }: Xapi, className: ClassName, wanted: (row: Row) => boolean) {
  return Object.fromEntries(
    [...database.table(className)]
      .filter(([, row]) => wanted(row))
      .map(([ref]) => [ref, typedRecord(className, database.record(className, ref))] as const),
  );
}

const TOKENS = /\s*(?:(\()|(\))|(and|or|not|true|false)\b|field\s+"((?:[^"\\]|\\.)*)"\s*=\s*"((?:[^"\\]|\\.)*)")/gy;

/** `field "SR"="OpaqueRef:…" and not field "managed"="false"`: the database's own expressions. */
function parseFilter(expression: string): (row: Row) => boolean {
  const tokens: RegExpMatchArray[] = [...expression.matchAll(TOKENS)];
  if (
    tokens
      .map(([all]) => all)
      .join("")
      .trim() !== expression.trim()
  )
    throw new XenFailure("INTERNAL_ERROR", `Db_filter.Expression_error: ${expression}`);
  let at = 0;
  const word = (): string => tokens[at]?.[3] ?? tokens[at]?.[1] ?? tokens[at]?.[2] ?? "";
  const primary = (): ((row: Row) => boolean) => {
    const token = tokens[at++];
    if (token?.[3] === "not") {
      const inner = primary();
      return (row) => !inner(row);
    }
    if (token?.[3] === "true" || token?.[3] === "false") return () => token[3] === "true";
    if (token?.[1] !== undefined) {
      const inner = any();
      at += 1;
      return inner;
    }
    const [field = "", value = ""] = [token?.[4], token?.[5]].map((one) => one?.replaceAll(/\\(.)/g, "$1"));
    // The database's own names part a prefix by two underlines.
    return (row) => String(row[field.replace("__", "_")]) === value;
  };
  const all = (): ((row: Row) => boolean) => {
    let left = primary();
    while (word() === "and") {
      at += 1;
      const [one, other] = [left, primary()];
      left = (row) => one(row) && other(row);
    }
    return left;
  };
  const any = (): ((row: Row) => boolean) => {
    let left = all();
    while (word() === "or") {
      at += 1;
      const [one, other] = [left, all()];
      left = (row) => one(row) || other(row);
    }
    return left;
  };
  return any();
}
