import { readFileSync } from "node:fs";

export interface ProcessMemory {
  readonly nowBytes: number;
  readonly peakBytes: number;
}

/** Resident memory now, and the most it ever was. */
export function memoryOfProcess(pid: number): ProcessMemory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const bytesOf = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
  return { nowBytes: bytesOf("VmRSS"), peakBytes: bytesOf("VmHWM") };
}
