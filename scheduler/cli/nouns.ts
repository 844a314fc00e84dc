import type { Command } from "./command.ts";

/** A group of commands under one word, or (`isCommand`) one command that needs no second word. */
export interface Noun {
  readonly summary: string;
  readonly isCommand?: true;
  /** Each noun's file is loaded only when the noun is typed, so that `berth` starts quickly. */
  load(): Promise<readonly Command[]>;
}

export const NOUNS: Readonly<Record<string, Noun>> = {
  status: {
    summary: "The health of everything in one view",
    isCommand: true,
    load: async () => (await import("./commands/status.ts")).commands,
  },
  volume: {
    summary: "Create, connect, extend, delete volumes; ask why they are where they are",
    load: async () => (await import("./commands/volume.ts")).commands,
  },
  snapshot: {
    summary: "Snapshots of volumes",
    load: async () => (await import("./commands/snapshot.ts")).commands,
  },
  transfer: {
    summary: "Hand a volume over to another project",
    load: async () => (await import("./commands/transfer.ts")).commands,
  },
  group: {
    summary: "Volumes that can be snapshotted at one instant",
    load: async () => (await import("./commands/group.ts")).commands,
  },
  "group-snapshot": {
    summary: "Snapshots of all volumes of a group at one instant",
    load: async () => (await import("./commands/group-snapshot.ts")).commands,
  },
  manageable: {
    summary: "What others made on a backend and could be made a volume",
    load: async () => (await import("./commands/manageable.ts")).commands,
  },
  flavor: {
    summary: "Promises to users, and the backends behind each in first-fit order",
    load: async () => (await import("./commands/flavor.ts")).commands,
  },
  qos: {
    summary: "Limits on throughput that flavors name",
    load: async () => (await import("./commands/qos.ts")).commands,
  },
  backend: {
    summary: "Storage systems and pools",
    load: async () => (await import("./commands/backend.ts")).commands,
  },
  quota: {
    summary: "What projects may have, and what they have",
    load: async () => (await import("./commands/quota.ts")).commands,
  },
  zone: {
    summary: "Availability zones",
    load: async () => (await import("./commands/zone.ts")).commands,
  },
  agent: {
    summary: "The processes that do the work in the zones",
    load: async () => (await import("./commands/agent.ts")).commands,
  },
  watch: {
    summary: "See what happens, as it happens",
    isCommand: true,
    load: async () => (await import("./commands/watch.ts")).commands,
  },
  backup: {
    summary: "Copy the ledger and the catalogue of a running scheduler into one file",
    isCommand: true,
    load: async () => (await import("./commands/backup.ts")).commands,
  },
  restore: {
    summary: "Put such a file in the place of a stopped scheduler's ledger and catalogue",
    isCommand: true,
    load: async () => (await import("./commands/restore.ts")).commands,
  },
  audit: {
    summary: "Compare the backends with the ledger; repair, adopt",
    isCommand: true,
    load: async () => (await import("./commands/audit.ts")).commands,
  },
  key: {
    summary: "The keys that seal CHAP secrets: make one, exchange the old for it",
    load: async () => (await import("./commands/key.ts")).commands,
  },
  "ec2-key": {
    summary: "Keys by which clients of the EC2 API sign, and whose they are",
    load: async () => (await import("./commands/ec2-key.ts")).commands,
  },
  "ec2-type": {
    summary: "Which flavors the volume types of EC2 mean",
    load: async () => (await import("./commands/ec2-type.ts")).commands,
  },
  ledger: {
    summary: "Move the records to nats-server, for several schedulers, or back",
    load: async () => (await import("./commands/ledger.ts")).commands,
  },
  sm: {
    summary: "The operator's catalogue in the spelling of nova-manage sm",
    load: async () => (await import("./commands/sm.ts")).commands,
  },
};
