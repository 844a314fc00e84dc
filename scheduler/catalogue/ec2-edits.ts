import { BerthError } from "#shared/errors.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import type { Ec2Key } from "#shared/model/ec2.ts";
import { flavorOf } from "./find.ts";

export function createEc2Key(catalogue: Catalogue, key: Ec2Key): Catalogue {
  const { ec2Keys = [] } = catalogue;
  if (ec2Keys.some(({ accessKeyId }) => accessKeyId === key.accessKeyId))
    throw new BerthError("E_CONFLICT", `EC2 key ${key.accessKeyId} exists already`);
  return { ...catalogue, ec2Keys: [...ec2Keys, key] };
}

export function deleteEc2Key(catalogue: Catalogue, accessKeyId: string): Catalogue {
  const { ec2Keys = [] } = catalogue;
  const left = ec2Keys.filter((key) => key.accessKeyId !== accessKeyId);
  if (left.length === ec2Keys.length) throw new BerthError("E_NOT_FOUND", `EC2 key ${accessKeyId} does not exist`);
  return withKeys(catalogue, left);
}

/** The same secrets, sealed with another key. */
export function resealEc2Keys(catalogue: Catalogue, reseal: (sealedSecret: string) => string): Catalogue {
  const { ec2Keys = [] } = catalogue;
  return withKeys(
    catalogue,
    ec2Keys.map((key) => ({ ...key, sealedSecret: reseal(key.sealedSecret) })),
  );
}

/** What a volume type of EC2's means from now on; what is there already stays what it is. */
export function setEc2VolumeType(catalogue: Catalogue, volumeType: string, flavor: string): Catalogue {
  const { name } = flavorOf(catalogue, flavor);
  return { ...catalogue, ec2VolumeTypes: { ...catalogue.ec2VolumeTypes, [volumeType]: name } };
}

export function unsetEc2VolumeType(catalogue: Catalogue, volumeType: string): Catalogue {
  const { ec2VolumeTypes = {} } = catalogue;
  if (!Object.hasOwn(ec2VolumeTypes, volumeType))
    throw new BerthError("E_NOT_FOUND", `volume type ${volumeType} is not said to mean a flavor`);
  return withTypes(
    catalogue,
    Object.entries(ec2VolumeTypes).filter(([name]) => name !== volumeType),
  );
}

/** The types that mean this flavor. */
export function ec2TypesOf({ ec2VolumeTypes = {} }: Catalogue, flavorName: string): string[] {
  return Object.entries(ec2VolumeTypes).flatMap(([name, flavor]) => (flavor === flavorName ? name : []));
}

/** The flavor has another name from now on. */
export function renamedInEc2Types(catalogue: Catalogue, told: (name: string) => string): Catalogue {
  const { ec2VolumeTypes = {} } = catalogue;
  return withTypes(
    catalogue,
    Object.entries(ec2VolumeTypes).map(([name, flavor]) => [name, told(flavor)]),
  );
}

/** What is not there is left out, for people read the file. */
function withKeys({ ec2Keys: _, ...catalogue }: Catalogue, keys: readonly Ec2Key[]): Catalogue {
  return keys.length === 0 ? catalogue : { ...catalogue, ec2Keys: [...keys] };
}

function withTypes(
  { ec2VolumeTypes: _, ...catalogue }: Catalogue,
  types: readonly (readonly [string, string])[],
): Catalogue {
  return types.length === 0 ? catalogue : { ...catalogue, ec2VolumeTypes: Object.fromEntries(types) };
}
