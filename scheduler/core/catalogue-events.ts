import { BerthError } from "#shared/errors.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import { sameJson } from "#shared/same-json.ts";
import { CatalogueIndex } from "./catalogue-index.ts";
import { catalogueUseFaults } from "./catalogue-use.ts";
import type { Moment } from "./commands.ts";
import { dispatchReady } from "./jobs.ts";
import type { State } from "./state.ts";
import { retryWaiting } from "./tick.ts";

/** Puts a catalogue in force, unless it drops or moves what is in use. */
export function takeCatalogue(state: State, next: Catalogue, moment: Moment): undefined {
  const faults = catalogueUseFaults(state, next);
  if (faults.length > 0)
    throw new BerthError("E_IN_USE", faults.map(({ message }) => message).join("; "), { details: { faults } });
  const before = state.catalogue.catalogue;
  state.catalogue = new CatalogueIndex(next);
  state.emit({ kind: "catalogue-changed", before, after: next });
  for (const old of before.backends) {
    const now = state.backend(old.id);
    // What was measured of another place says nothing of this one.
    if (now === undefined || now.driver !== old.driver || !sameJson(now.parameters, old.parameters))
      state.fleet.reports.delete(old.id);
  }
  for (const backendId of state.queues.backendIds()) dispatchReady(state, backendId, moment);
  retryWaiting(state, moment);
}
