/** What operations on each kind of object are called in events; the field's words where it has them. */
export type VolumeOperation =
  | "create"
  | "delete"
  | "resize"
  | "revert"
  | "migrate"
  | "retype"
  | "manage"
  | "unmanage"
  | AttachOperation;
export type AttachOperation = "attach" | "detach";
export type LifeOperation = "create" | "delete";
export type Phase = "start" | "end" | "error";

/**
 * Every type of event, with what has happened. `error` may be followed by `end`: work that takes too long goes on, and its
 * late success counts. The page `README.md` beside has the same list; a test compares them.
 */
export const EVENT_TYPES = {
  "volume.create.start": "a volume was asked for",
  "volume.create.end": "it is available",
  "volume.create.error": "it could not be made, or was deleted before it was",
  "volume.delete.start": "its removal has begun",
  "volume.delete.end": "it is gone",
  "volume.delete.error": "its removal takes too long, and goes on",
  "volume.resize.start": "it is being extended",
  "volume.resize.end": "it has its new size",
  "volume.resize.error": "it could not be extended, or that takes too long",
  "volume.revert.start": "it goes back to a snapshot",
  "volume.revert.end": "it is as its snapshot",
  "volume.revert.error": "it could not go back, or that takes too long",
  "volume.migrate.start": "it moves to another backend",
  "volume.migrate.end": "it is there",
  "volume.migrate.error": "it stays where it was",
  "volume.retype.start": "it becomes one of another flavor",
  "volume.retype.end": "it is of its new flavor",
  "volume.retype.error": "it stays what it was",
  "volume.manage.start": "what another made is being taken over",
  "volume.manage.end": "it is a volume now",
  "volume.manage.error": "it could not be taken over",
  "volume.unmanage.start": "it is being let go of, with its data",
  "volume.unmanage.end": "it is no volume any more",
  "volume.unmanage.error": "letting go of it takes too long, and goes on",
  "volume.attach.start": "a host is being let in",
  "volume.attach.end": "the host is let in",
  "volume.attach.error": "the host could not be let in",
  "volume.detach.start": "a host is being shut out",
  "volume.detach.end": "the host is shut out",
  "volume.detach.error": "shutting it out takes too long, and goes on",
  "volume.update.end": "its name, description, metadata, flags or group changed",
  "volume.reset_status.end": "a person said what its state is",
  "volume.adopt.end": "it was found on a backend after the ledger was lost",
  "volume.put_aside.end": "its backend changed sides, and it is not on the one in force",
  "volume.put_back.end": "the side that it is on is in force again",
  "volume.transfer_accept.end": "its new project has it",
  "snapshot.create.start": "a snapshot was asked for",
  "snapshot.create.end": "it is available",
  "snapshot.create.error": "it could not be taken, or was deleted before it was",
  "snapshot.delete.start": "its removal has begun",
  "snapshot.delete.end": "it is gone",
  "snapshot.delete.error": "its removal takes too long, and goes on",
  "snapshot.attach.start": "a host is being let in to read it",
  "snapshot.attach.end": "the host is let in",
  "snapshot.attach.error": "the host could not be let in",
  "snapshot.detach.start": "a host is being shut out",
  "snapshot.detach.end": "the host is shut out",
  "snapshot.detach.error": "shutting it out takes too long, and goes on",
  "snapshot.update.end": "its name, description or metadata changed",
  "snapshot.reset_status.end": "a person said what its state is",
  "snapshot.adopt.end": "it was found on a backend after the ledger was lost",
  "snapshot.put_aside.end": "its backend changed sides, and it is not on the one in force",
  "snapshot.put_back.end": "the side that it is on is in force again",
  "group.create.start": "a group was asked for",
  "group.create.end": "it is available, with its volumes",
  "group.create.error": "its volumes could not all be made",
  "group.delete.start": "its removal has begun",
  "group.delete.end": "it is gone",
  "group.delete.error": "its removal takes too long, and goes on",
  "group.update.end": "its name, description or volumes changed",
  "group.reset_status.end": "a person said what its state is",
  "group_snapshot.create.start": "a snapshot of all volumes of a group was asked for",
  "group_snapshot.create.end": "all of it is there",
  "group_snapshot.create.error": "it could not be taken",
  "group_snapshot.delete.start": "its removal has begun",
  "group_snapshot.delete.end": "it is gone",
  "group_snapshot.delete.error": "its removal takes too long, and goes on",
  "group_snapshot.reset_status.end": "a person said what its state is",
  "transfer.create.end": "a volume is offered to another project",
  "transfer.accept.end": "the other project took it",
  "transfer.delete.end": "the offer was taken back",
  "backend.up": "a backend that was down is not any more",
  "backend.down": "an agent reports that it cannot work",
  "backend.failover.start": "it goes over to another side",
  "backend.failover.end": "that side is in force",
  "backend.failover.error": "that takes too long, and goes on",
  "backend.freeze.end": "nothing is made, changed or removed there from now on",
  "backend.thaw.end": "it works again",
  "backend.evacuate.start": "its volumes begin to leave",
  "backend.evacuate.end": "that is over",
  "backend.evacuate.error": "that is over, and volumes are left",
  "agent.up": "the scheduler hears an agent: a new one, one that was silent, or after the scheduler's own start",
  "agent.down": "an agent is silent, or said good-bye",
  "catalogue.changed": "zones, flavors, backends or other declarations changed",
  "events.gap": "events before this one are lost to whoever reads this",
} as const;

export type EventType = keyof typeof EVENT_TYPES;
