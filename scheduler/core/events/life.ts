import type { LifeOperation } from "#shared/events/types.ts";
import { type Step, step, type Work } from "./steps.ts";

/** The passing states of what is only made and removed. */
export const LIFE: Readonly<Record<string, Work<LifeOperation> | undefined>> = {
  creating: { operation: "create", late: false },
  deleting: { operation: "delete", late: false },
  error_deleting: { operation: "delete", late: true },
};

/** Removed, or (a group that is empty) made in one decision. */
export function lifeAtOnce(
  before: { readonly status: string } | null,
  after: { readonly status: string } | null,
): Step<LifeOperation>[] {
  if (before === null || after !== null || LIFE[before.status]?.operation === "delete") return [];
  return [step("delete", "start"), step("delete", "end")];
}
