import { adoptListed } from "./adopt.ts";
import { announce, completeAttachment, detach, markAttached, reserveVolume } from "./attach-steps.ts";
import { takeCatalogue } from "./catalogue-events.ts";
import type { CommandKind, Commands, Moment } from "./commands.ts";
import { connectSnapshot, connectVolume, disconnectSnapshot, disconnectVolume } from "./connect.ts";
import { evacuate, evacuateNext } from "./evacuation.ts";
import { eventsOf } from "./events/events-of.ts";
import { closeExports } from "./exposed.ts";
import { failOver, freezeBackend, thawBackend } from "./failover.ts";
import { settleFailover } from "./failover-settle.ts";
import { flagVolume } from "./flags.ts";
import { takeHeartbeat, takeReport } from "./fleet-events.ts";
import { createGroupSnapshot, deleteGroupSnapshot } from "./group-snapshots.ts";
import { createGroup, deleteGroup, updateGroup } from "./groups.ts";
import { holdSnapshot, holdVolume } from "./hold.ts";
import { manageVolume, unmanageVolume } from "./manage.ts";
import { deleteMessage, noteFailure } from "./messages.ts";
import { modifyVolume } from "./modify.ts";
import { cancelMove } from "./moves/ends.ts";
import { migrateVolume, retypeVolume } from "./moves/request.ts";
import { removeOrphans } from "./orphans.ts";
import { takeProgress } from "./progress.ts";
import { deleteVolume } from "./removal.ts";
import { resetVolume } from "./reset.ts";
import { resetGroup, resetGroupSnapshot } from "./reset-group.ts";
import { resetSnapshot } from "./reset-snapshot.ts";
import { takeResult } from "./results.ts";
import { revertVolume } from "./revert.ts";
import { resealSecrets } from "./secrets.ts";
import { createSnapshot, deleteSnapshot, updateSnapshot } from "./snapshots.ts";
import type { State } from "./state.ts";
import { resume, tick } from "./tick.ts";
import { acceptTransfer, createTransfer, deleteTransfer } from "./transfers.ts";
import { createVolume, extendVolume, updateVolume } from "./volumes.ts";

type Deciders = {
  readonly [K in CommandKind]: (state: State, input: Commands[K]["input"], moment: Moment) => Commands[K]["reply"];
};

const DECIDERS: Deciders = {
  "volume.create": createVolume,
  "volume.update": updateVolume,
  "volume.extend": extendVolume,
  "volume.delete": deleteVolume,
  "volume.manage": manageVolume,
  "volume.unmanage": unmanageVolume,
  "volume.reset": resetVolume,
  "volume.hold": holdVolume,
  "volume.migrate": migrateVolume,
  "volume.retype": retypeVolume,
  "volume.modify": modifyVolume,
  "volume.cancel-move": cancelMove,
  "volume.flag": flagVolume,
  "transfer.create": createTransfer,
  "transfer.accept": acceptTransfer,
  "transfer.delete": deleteTransfer,
  "message.delete": deleteMessage,
  "audit.remove": removeOrphans,
  "audit.close": closeExports,
  "audit.adopt": adoptListed,
  "backend.failover": failOver,
  "backend.evacuate": evacuate,
  "backend.evacuate-next": evacuateNext,
  "backend.freeze": freezeBackend,
  "backend.thaw": thawBackend,
  "backend.listed": settleFailover,
  "snapshot.reset": resetSnapshot,
  "snapshot.hold": holdSnapshot,
  "volume.revert": revertVolume,
  "group.create": createGroup,
  "group.update": updateGroup,
  "group.delete": deleteGroup,
  "group.reset": resetGroup,
  "group-snapshot.reset": resetGroupSnapshot,
  "group-snapshot.create": createGroupSnapshot,
  "group-snapshot.delete": deleteGroupSnapshot,
  "snapshot.create": createSnapshot,
  "snapshot.update": updateSnapshot,
  "snapshot.delete": deleteSnapshot,
  "attachment.connect": connectVolume,
  "attachment.disconnect": disconnectVolume,
  "attachment.reserve": reserveVolume,
  "attachment.complete": completeAttachment,
  "attachment.detach": detach,
  "volume.attached": markAttached,
  "volume.announce": announce,
  "snapshot.connect": connectSnapshot,
  "snapshot.disconnect": disconnectSnapshot,
  "secrets.reseal": resealSecrets,
  "job.progress": takeProgress,
  "job.result": takeResult,
  "report.received": takeReport,
  "agent.heartbeat": takeHeartbeat,
  "catalogue.changed": takeCatalogue,
  tick: (state, _input, moment) => tick(state, moment),
  resume: (state, _input, moment) => resume(state, moment),
};

/**
 * One decision. Everything it changes goes through the state's journal; a refusal is thrown and changes nothing. What has
 * happened is told to programs that watch, and what failed to the user whose it is.
 */
export function decide<K extends CommandKind>(
  state: State,
  kind: K,
  input: Commands[K]["input"],
  moment: Moment,
): Commands[K]["reply"] {
  const decider: Deciders[K] = DECIDERS[kind];
  const reply = decider(state, input, moment);
  for (const event of eventsOf(state, state.decision, moment)) {
    state.tell(event);
    noteFailure(state, event, moment);
  }
  return reply;
}
