/** Who can log in. As on a real host the rights come from profiles (with pfexec) and from `zfs allow`. */
export interface HostUser {
  readonly name: string;
  readonly profiles: readonly string[];
}

export const USERS: readonly HostUser[] = [
  { name: "root", profiles: ["All"] },
  { name: "admin", profiles: ["Primary Administrator"] },
  /** As the driver's documentation sets it up. */
  { name: "berth", profiles: ["Berth Storage"] },
  { name: "guest", profiles: [] },
];

/** Programs that a profile runs as root. */
const PROFILES: Readonly<Record<string, readonly string[] | "all">> = {
  "Primary Administrator": "all",
  All: "all",
  "ZFS File System Management": ["zfs"],
  "File System Management": ["zfs"],
  "Berth Storage": ["stmfadm", "itadm"],
};

/** With pfexec. */
export function runsAsRoot({ profiles }: HostUser, program: string): boolean {
  return profiles.some((profile) => {
    const programs = PROFILES[profile] ?? [];
    return programs === "all" || programs.includes(program);
  });
}
