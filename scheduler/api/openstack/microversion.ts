import { BerthError } from "#shared/errors.ts";

/**
 * The range that is wholly there. 3.1 and above each promise something (user messages at 3.3, attachments at 3.27)
 * that Berth does not have, and a client that is told a version relies on all of it.
 */
export const MIN_VERSION = "3.0";
export const MAX_VERSION = "3.0";

export const VERSION_HEADER = "openstack-api-version";
export const VERSION_REPLY = `volume ${MAX_VERSION}`;

const VERSION_FORM = /^([1-9]\d{0,8})\.(0|[1-9]\d{0,8})$/;

/**
 * Checks `OpenStack-API-Version`, where several services may each ask for theirs: only `volume …` counts.
 * Throws E_BAD_REQUEST for a malformed version, E_VERSION_NOT_ACCEPTABLE for one out of range.
 */
export function checkVersion(header: string | string[] | undefined): void {
  if (header === undefined) return;
  const entries = (Array.isArray(header) ? header.join(",") : header).split(",");
  for (const entry of entries) {
    const [service, version, ...rest] = entry.trim().split(/\s+/);
    if (service !== "volume") continue;
    if (version === "latest" && rest.length === 0) continue;
    const parts = VERSION_FORM.exec(version ?? "");
    if (parts === null || rest.length > 0)
      throw new BerthError(
        "E_BAD_REQUEST",
        `API Version String ${(version ?? "").slice(0, 40)} is of invalid format. Must be of format MajorNum.MinorNum.`,
      );
    if (!inRange(Number(parts[1]), Number(parts[2])))
      throw new BerthError(
        "E_VERSION_NOT_ACCEPTABLE",
        `Version ${version} is not supported by the API. Minimum is ${MIN_VERSION} and maximum is ${MAX_VERSION}.`,
      );
  }
}

function inRange(major: number, minor: number): boolean {
  const [minMajor = 0, minMinor = 0] = MIN_VERSION.split(".").map(Number);
  const [maxMajor = 0, maxMinor = 0] = MAX_VERSION.split(".").map(Number);
  return (
    (major > minMajor || (major === minMajor && minor >= minMinor)) &&
    (major < maxMajor || (major === maxMajor && minor <= maxMinor))
  );
}
