import { BerthError } from "#shared/errors.ts";

/**
 * Microversions are 3.0 to 3.71; the code tells them by their second number (27 is 3.27). What came with one stands at
 * the operation, the field or the view that it brought (`since: 27`).
 */
export const MAX_MINOR = 71;
export const MIN_VERSION = "3.0";
export const MAX_VERSION = `3.${MAX_MINOR}`;

export const VERSION_HEADER = "openstack-api-version";

const VERSION_FORM = /^([1-9]\d{0,8})\.(0|[1-9]\d{0,8})$/;

/**
 * What `OpenStack-API-Version` asks for, where several services may each ask for theirs: only `volume …` counts. Without
 * it, 0. Throws E_BAD_REQUEST for a malformed version, E_VERSION_NOT_ACCEPTABLE for one out of range.
 */
export function minorOf(header: string | string[] | undefined): number {
  if (header === undefined) return 0;
  const entries = (Array.isArray(header) ? header.join(",") : header).split(",");
  for (const entry of entries) {
    const [service, version = "", ...rest] = entry.trim().split(/\s+/);
    if (service !== "volume") continue;
    if (version === "latest" && rest.length === 0) return MAX_MINOR;
    const parts = VERSION_FORM.exec(version);
    if (parts === null || rest.length > 0)
      throw new BerthError(
        "E_BAD_REQUEST",
        `API Version String ${version.slice(0, 40)} is of invalid format. Must be of format MajorNum.MinorNum.`,
      );
    const [major, minor] = [Number(parts[1]), Number(parts[2])];
    if (major !== 3 || minor > MAX_MINOR)
      throw new BerthError(
        "E_VERSION_NOT_ACCEPTABLE",
        `Version ${version} is not supported by the API. Minimum is ${MIN_VERSION} and maximum is ${MAX_VERSION}.`,
      );
    return minor;
  }
  return 0;
}

/** As the reply's header tells it. */
export function versionReply(minor: number): string {
  return `volume 3.${minor}`;
}
