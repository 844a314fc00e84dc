import { CLASSES, type ClassName, type FieldType } from "./datamodel.ts";
import type { Row, XenValue } from "./values.ts";

/** A 64-bit int: digits in JSON, text in XML-RPC. */
export class Int {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

export class DateTime {
  readonly value: string;
  constructor(value: string) {
    this.value = value;
  }
}

/** A value with what it is: from it both protocols print their own forms. */
export type Typed = string | boolean | Int | Float | DateTime | readonly Typed[] | { readonly [key: string]: Typed };

export type ResultType = FieldType | "void" | "typed" | { readonly record: ClassName };

export function typed(type: FieldType, value: XenValue): Typed {
  if (type === "int") return new Int(Number(value));
  if (type === "float") return new Float(Number(value));
  if (type === "datetime") return new DateTime(String(value));
  return untold(value);
}

/** A number whose type nothing says is an int: `features` is the only such map. What is typed already stays so. */
export function untold(value: Untold): Typed {
  if (typeof value === "number") return new Int(value);
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (value instanceof Int || value instanceof Float || value instanceof DateTime) return value;
  if (isArray(value)) return value.map(untold);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, untold(one)]));
}

/** Plain, typed, or partly so. */
type Untold =
  | string
  | number
  | boolean
  | Int
  | Float
  | DateTime
  | readonly Untold[]
  | { readonly [key: string]: Untold };

function isArray(value: Untold): value is readonly Untold[] {
  return Array.isArray(value);
}

export function typedRecord(className: ClassName, row: Row): Typed {
  return Object.fromEntries(
    Object.entries(CLASSES[className]).map(([name, { type }]) => [name, typed(type, row[name] ?? "")] as const),
  );
}
