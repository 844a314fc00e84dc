import type { Moment, ObjectTexts } from "./commands.ts";

interface Texted {
  readonly name: string;
  readonly description: string;
  readonly metadata: Record<string, string>;
  readonly updatedAtMs: number;
}

/** The record with what its owner calls it now; what is not given stays. */
export function withTexts<T extends Texted>(record: T, texts: ObjectTexts, moment: Moment): T {
  return {
    ...record,
    name: texts.name ?? record.name,
    description: texts.description ?? record.description,
    metadata: texts.metadata === undefined ? record.metadata : { ...texts.metadata },
    updatedAtMs: moment.nowMs,
  };
}
