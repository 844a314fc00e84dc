/** UTC with microseconds and no zone suffix: the one form that the field's clients parse. */
export function fieldTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, -1)}000`;
}
