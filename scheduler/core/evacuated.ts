import { backendState } from "./sides.ts";
import type { State } from "./state.ts";

/** A volume has left the backend: one more, if it is being evacuated, and the next may begin at once. */
export function countEvacuated(state: State, backendId: number): void {
  const record = backendState(state, backendId);
  const { evacuation } = record;
  if (evacuation === undefined || evacuation.endedAtMs !== null) return;
  state.put("backend-state", { ...record, evacuation: { ...evacuation, moved: evacuation.moved + 1 } });
  state.emit({ kind: "evacuate", backendId, count: 1 });
}
