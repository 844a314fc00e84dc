import { type Static, type TObject, Type } from "typebox";
import { FakeParameters, fakeDeclaration, loggingDeclaration } from "#shared/drivers/fake.ts";
import { FileParameters, fileDeclaration } from "#shared/drivers/file.ts";
import { KNOWN_DRIVERS } from "#shared/drivers/index.ts";
import { LeftHandParameters, lefthandDeclaration } from "#shared/drivers/lefthand.ts";
import { SolarisParameters, solarisDeclaration } from "#shared/drivers/solaris.ts";
import { SolidFireParameters, solidFireDeclaration } from "#shared/drivers/solidfire.ts";
import { SR_KINDS } from "#shared/drivers/xenapi/declarations.ts";
import { DEVICE_CONFIG, OwnParameters } from "#shared/drivers/xenapi/parameters.ts";
import { BerthError } from "#shared/errors.ts";
import { parser } from "#shared/schema.ts";
import type { Driver } from "./driver.ts";
import { FakeDriver } from "./fake/driver.ts";
import { FileDriver } from "./file/driver.ts";
import { LeftHandDriver } from "./lefthand/driver.ts";
import { SolarisDriver } from "./solaris/driver.ts";
import { SolidFireDriver } from "./solidfire/driver.ts";
import type { DriverSetting } from "./tools.ts";
import { XenDriver } from "./xenapi/driver.ts";

type Maker = (setting: DriverSetting) => Driver;

/** The drivers that are built, by the names of their declarations (shared/drivers/). */
const MAKERS: ReadonlyMap<string, Maker> = new Map([
  [fileDeclaration.name, maker(FileParameters, (parameters, { tools }) => new FileDriver(parameters, tools))],
  [
    solidFireDeclaration.name,
    maker(SolidFireParameters, (parameters, setting) => new SolidFireDriver(parameters, setting)),
  ],
  [fakeDeclaration.name, maker(FakeParameters, (parameters, setting) => new FakeDriver(parameters, setting))],
  [solarisDeclaration.name, maker(SolarisParameters, (parameters, { tools }) => new SolarisDriver(parameters, tools))],
  [
    lefthandDeclaration.name,
    maker(LeftHandParameters, (parameters, { tools }) => new LeftHandDriver(parameters, tools)),
  ],
  [
    loggingDeclaration.name,
    maker(FakeParameters, (parameters, setting) => new FakeDriver({ ...parameters, log_calls: true }, setting)),
  ],
  ...SR_KINDS.map((kind): [string, Maker] => [
    kind.type,
    maker(
      Type.Object({ ...DEVICE_CONFIG[kind.type], ...OwnParameters }),
      (_parameters, setting) => new XenDriver(kind, setting),
    ),
  ]),
]);

export function driverNames(): string[] {
  return [...MAKERS.keys()];
}

/**
 * The driver of a backend, not yet open.
 * @throws BerthError `E_DRIVER_UNKNOWN`, `E_DRIVER_NOT_BUILT`; `E_BAD_REQUEST` that lists what is wrong with its parameters
 */
export function createDriver(setting: DriverSetting): Driver {
  const { driver } = setting.backend;
  const make = MAKERS.get(driver);
  if (make !== undefined) return make(setting);
  if (Object.hasOwn(KNOWN_DRIVERS, driver))
    throw new BerthError("E_DRIVER_NOT_BUILT", `the driver "${driver}" is known but not built yet`);
  throw new BerthError("E_DRIVER_UNKNOWN", `there is no driver "${driver}"; there are ${driverNames().join(", ")}`);
}

function maker<S extends TObject>(schema: S, make: (parameters: Static<S>, setting: DriverSetting) => Driver): Maker {
  const parameters = parser(schema);
  return (setting) => {
    const { backend } = setting;
    return make(
      parameters.parse(backend.parameters, `the parameters of backend ${backend.id} (${backend.driver})`),
      setting,
    );
  };
}
