import type { FaultDescription } from "../kit/faults.ts";

/** What this system can do wrong beside what all can. */
export const FAULTS: readonly FaultDescription[] = [
  {
    name: "failure",
    title: "a command fails as `value` says: code, name, exit status and description, with blanks between",
  },
  {
    name: "own-codes",
    title: "what goes wrong on the array has codes of its own, and not that of an unexpected error",
  },
  { name: "warning", title: "success is told as the informational result `value` (1 to 8), with its exit status" },
  { name: "exit-zero", title: "the exit status is 0 whatever came of it" },
  { name: "no-exit-status", title: "the channel closes without an exit status" },
  { name: "no-output", title: "an exit status and not a word" },
  { name: "half-answer", title: "the answer ends in the middle" },
  { name: "noise", title: "a line on standard error beside a good answer" },
  { name: "no-response", title: "an answer without `response`" },
  { name: "no-result", title: "a `response` without `result`" },
  { name: "upper-case", title: "results in upper-case digits" },
  { name: "no-declaration", title: "no XML declaration" },
  { name: "strange-parts", title: "attributes and elements that nobody knows, with letters beyond ASCII" },
  { name: "shuffled", title: "attributes and elements in another order" },
  { name: "old-release", title: "commands (`methods`) that this release does not know" },
  { name: "slow-delete", title: "what is deleted stays, `deleting`, for delayMs (2000)" },
  { name: "refuse-assigned", title: "what is assigned is not deleted, nor assigned to the same server again" },
  { name: "vips", title: "the cluster has `value` virtual IPs (0 to 3)" },
  { name: "other-vip", title: "the cluster's virtual IP is `value`" },
  { name: "offline", title: "volumes are offline" },
  { name: "no-iqn", title: "volumes are told without their IQN" },
  { name: "no-capacity", title: "the cluster does not tell its capacity" },
  { name: "odd-capacity", title: "the cluster's capacity is no number" },
  { name: "capacity-in-bytes", title: "the cluster's capacity is told in bytes, and not in blocks" },
];
