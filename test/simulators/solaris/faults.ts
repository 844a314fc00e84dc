import type { FaultDescription } from "../kit/faults.ts";

/** What a Solaris host can do wrong beside what every system can. */
export const SOLARIS_FAULTS: readonly FaultDescription[] = [
  { name: "busy-dataset", title: "zfs destroy, rollback and rename say that the dataset is busy" },
  { name: "no-rights", title: "pfexec gives no rights, as without the profile" },
  { name: "no-pfexec", title: "pfexec is not found" },
  { name: "stmf-down", title: "the services stmf and iscsi/target are offline" },
  {
    name: "stale-configuration",
    title: "itadm says that the configuration changed during processing; nothing is done",
  },
  { name: "hidden-unit", title: "sbdadm list-lu does not list units yet" },
  { name: "foreign-units", title: "somebody else's unit, with blanks in its path, stands before the others" },
  { name: "no-views-on-stdout", title: "list-view says `no views found` on stdout, as old releases do" },
  { name: "old-headings", title: "list-tg writes `Target group:`, as old releases do" },
  { name: "old-zfs", title: "zfs list knows no -p, zfs get no -t, and zfs set one property, as on older releases" },
  { name: "offline-timeout", title: "offline-target gives up waiting for it" },
  { name: "silent-failure", title: "the command fails with 1 and says nothing; nothing is done" },
  { name: "failure-with-0", title: "the command fails, says so, and ends with 0; nothing is done" },
  { name: "crlf", title: "lines end with CR and LF" },
  { name: "suspended", title: "the pool's I/O is suspended: zfs fails" },
  { name: "degraded", title: "the pool is DEGRADED, and works" },
];
