import { type TSchema, Type } from "typebox";

/** Records have every field always; what is not there is null, so that no field can be forgotten. */
export function Nullable<S extends TSchema>(schema: S) {
  return Type.Union([schema, Type.Null()]);
}
