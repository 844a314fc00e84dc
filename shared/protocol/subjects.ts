/**
 * Every NATS subject in one place. The zone is always its third token (but for events, which agents do not hear), so that an agent's NATS user can be confined to
 * its own zone (deploy/nats/ lists the subjects).
 */
export const subjects = {
  /** Scheduler answers: an agent says that it lives, and learns the ledger's sequence. */
  heartbeat: (zone: string) => `berth.heartbeat.${zone}`,
  /** Scheduler answers when the result is committed. */
  result: (zone: string) => `berth.result.${zone}`,
  /** Scheduler answers whether to go on: an agent says how far a long job is. */
  progress: (zone: string) => `berth.progress.${zone}`,
  /** Scheduler answers with the zone's backends. */
  backends: (zone: string) => `berth.backends.${zone}`,
  /** Scheduler answers with the exports that must stand on a backend. */
  exports: (zone: string) => `berth.exports.${zone}`,
  /** Scheduler answers whether it awaits a job still. */
  awaited: (zone: string) => `berth.awaited.${zone}`,
  /** Agents publish; the scheduler and the zone's other agents listen. */
  report: (zone: string) => `berth.report.${zone}`,
  /** Agents publish, and their zone's agents listen: who shares storage systems' limits of calls. */
  present: (zone: string) => `berth.present.${zone}`,
  /** One of the zone's agents answers with a fresh report. */
  measure: (zone: string, host: string | null) =>
    host === null ? `berth.measure.${zone}.any` : `berth.measure.${zone}.host.${host}`,
  /** One of the zone's agents answers with a page of what stands on a backend. */
  list: (zone: string, host: string | null) =>
    host === null ? `berth.list.${zone}.any` : `berth.list.${zone}.host.${host}`,
  /** One of the zone's agents answers with a page of what is not ours on a backend. */
  foreign: (zone: string, host: string | null) =>
    host === null ? `berth.foreign.${zone}.any` : `berth.foreign.${zone}.host.${host}`,
  /** Published by the scheduler: the zone's backends changed, or a scheduler began; agents ask anew at once. */
  nudge: (zone: string) => `berth.nudge.${zone}`,
  /** The zone's work queue. */
  job: (zone: string, host: string | null, jobId: string) =>
    `${host === null ? jobs.anyAgent(zone) : jobs.ofHost(zone, host)}.${jobId}`,
} as const;

/** Events are no zone's: their third token is the project, whose watcher may be confined to it. */
export const events = {
  stream: "BERTH_EVENTS",
  all: "berth.event.>",
  /** null: operators'. A dot of a project's name would divide tokens. */
  subject: (projectId: string | null, type: string) =>
    `berth.event.${projectId === null ? OPERATORS : projectId.replaceAll(".", "%2E")}.${type}`,
} as const;

/** No project can be called so. */
const OPERATORS = "@operator";

export const ALL_ZONES = "*";

export const jobs = {
  stream: (zone: string) => `BERTH_JOBS_${zone}`,
  streamSubject: (zone: string) => `berth.job.${zone}.>`,
  anyAgent: (zone: string) => `berth.job.${zone}.any`,
  ofHost: (zone: string, host: string) => `berth.job.${zone}.host.${host}`,
  /** The consumer that agents share; work tied to a host has one for its agents. */
  consumer: (host: string | null) => (host === null ? "agents" : `host-${host}`),
} as const;
