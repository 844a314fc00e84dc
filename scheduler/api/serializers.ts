import fastJson from "fast-json-stringify";
import type { TSchema } from "typebox";

type Serializer = (value: unknown) => string;

const compiled = new WeakMap<object, Serializer>();

/** What writes an answer by its schema: compiled once, however often the API is opened (a new leader's, or a test's). */
export function serializerOf(schema: TSchema): Serializer {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  const made = fastJson({ ...schema });
  compiled.set(schema, made);
  return made;
}
