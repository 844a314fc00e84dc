/** An answer of the API that says no: with a name by which clients tell it, and HTTP status 200 all the same. */
export class ElementError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

export function missing(member: string): ElementError {
  return new ElementError("xMissingParameter", `Missing member=[${member}]`);
}

export function invalid(message: string): ElementError {
  return new ElementError("xInvalidParameter", message);
}

export function exceeded(message: string): ElementError {
  return new ElementError("xExceededLimit", message);
}

export function noVolume(volumeId: number): ElementError {
  return new ElementError("xVolumeIDDoesNotExist", `VolumeID ${volumeId} does not exist.`);
}

export function noSnapshot(snapshotId: number): ElementError {
  return new ElementError("xSnapshotIDDoesNotExist", `SnapshotID ${snapshotId} does not exist.`);
}

export function noAccount(accountId: number): ElementError {
  return new ElementError("xAccountIDDoesNotExist", `AccountID ${accountId} does not exist.`);
}

export function noGroup(volumeAccessGroupId: number): ElementError {
  return new ElementError(
    "xVolumeAccessGroupIDDoesNotExist",
    `VolumeAccessGroupID ${volumeAccessGroupId} does not exist.`,
  );
}
