/**
 * Every NATS subject in one place. The zone is always its third token, so that an agent's NATS user can be confined to
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
  /** One of the zone's agents answers with a fresh report. */
  measure: (zone: string, host: string | null) =>
    host === null ? `berth.measure.${zone}.any` : `berth.measure.${zone}.host.${host}`,
  /** One of the zone's agents answers with a page of what stands on a backend. */
  list: (zone: string, host: string | null) =>
    host === null ? `berth.list.${zone}.any` : `berth.list.${zone}.host.${host}`,
  /** Published by the scheduler: the zone's backends changed, or a scheduler began; agents ask anew at once. */
  nudge: (zone: string) => `berth.nudge.${zone}`,
  /** The zone's work queue. */
  job: (zone: string, host: string | null, jobId: string) =>
    `${host === null ? jobs.anyAgent(zone) : jobs.ofHost(zone, host)}.${jobId}`,
} as const;

export const ALL_ZONES = "*";

export const jobs = {
  stream: (zone: string) => `BERTH_JOBS_${zone}`,
  streamSubject: (zone: string) => `berth.job.${zone}.>`,
  anyAgent: (zone: string) => `berth.job.${zone}.any`,
  ofHost: (zone: string, host: string) => `berth.job.${zone}.host.${host}`,
  /** The consumer that agents share; work tied to a host has one for its agents. */
  consumer: (host: string | null) => (host === null ? "agents" : `host-${host}`),
} as const;
