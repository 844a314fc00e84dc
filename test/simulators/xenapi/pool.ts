import { XenFailure } from "./failure.ts";
import { type Method, method, str, type Xapi } from "./method.ts";
import { PLUGINS } from "./plugins.ts";
import { NULL_REF, text } from "./values.ts";

const VERSION = {
  product_version: "8.2.1",
  product_brand: "XCP-ng",
  platform_version: "3.2.1",
  hostname: "localhost",
  xapi: "1.20",
};

/** A pool as it is after its installation: hosts, their control domains, plugins, the tools' SR, and three guests. */
export function installPool({ database, addresses }: Xapi): void {
  const hosts = addresses.map((address, number) =>
    database.add("host", {
      name_label: `xen${number + 1}`,
      hostname: `xen${number + 1}`,
      address,
      enabled: true,
      API_version_major: 2,
      API_version_minor: 16,
      API_version_vendor: "XenSource",
      software_version: VERSION,
      iscsi_iqn: `iqn.2009-01.com.example:xen${number + 1}`,
      suspend_image_sr: NULL_REF,
      crash_dump_sr: NULL_REF,
    }),
  );
  const [master = NULL_REF] = hosts;
  database.add("pool", { name_label: "simulated", master, default_SR: NULL_REF, suspend_image_SR: NULL_REF });
  for (const [number, host] of hosts.entries()) {
    const domain = database.add("VM", {
      name_label: `Control domain on host: xen${number + 1}`,
      power_state: "Running",
      is_control_domain: true,
      resident_on: host,
    });
    database.update("host", host, { control_domain: domain });
  }
  const guests = [
    ["guest-1", "Running", master],
    ["guest-2", "Running", hosts[1] ?? master],
    ["guest-3", "Halted", NULL_REF],
  ] as const;
  for (const [name, power, host] of guests)
    database.add("VM", {
      name_label: name,
      power_state: power,
      resident_on: host,
      domid: power === "Running" ? 7 : -1,
    });
  for (const { type, title, configuration, capabilities } of PLUGINS)
    database.add("SM", {
      name_label: title,
      name_description: `SR plugin: ${title}`,
      type,
      vendor: "Simulated",
      version: "1.0",
      required_api_version: "1.0",
      configuration,
      capabilities: capabilities.map((one) => one.split("/")[0] ?? one),
      features: Object.fromEntries(
        capabilities.map((one) => [one.split("/")[0] ?? one, Number(one.split("/")[1] ?? 1)]),
      ),
      driver_filename: `/opt/xensource/sm/${type.toUpperCase()}SR`,
    });
  const tools = database.add("SR", {
    name_label: "XenServer Tools",
    name_description: "XenServer Tools ISOs",
    type: "iso",
    content_type: "iso",
    shared: true,
    is_tools_sr: true,
    other_config: { xenserver_tools_sr: "true", xensource_internal: "true" },
    sm_config: {},
    introduced_by: NULL_REF,
  });
  for (const host of hosts)
    database.add("PBD", {
      host,
      SR: tools,
      device_config: { location: "/opt/xensource/packages/iso" },
      currently_attached: true,
    });
}

export function poolMethods({ database }: Xapi, becomeMaster: (host: string) => void): Method[] {
  return [
    method("pool.designate_new_master", ["ref"], "void", (_caller, args) => {
      database.get("host", str(args, 0));
      becomeMaster(str(args, 0));
      return "";
    }),
    method("pool.sync_database", [], "void", () => ""),
    method("host.get_servertime", ["ref"], "datetime", () => servertime()),
    method("host.get_server_localtime", ["ref"], "datetime", () => servertime().replace("Z", "")),
    method("host.call_plugin", ["ref", "string", "string", "map"], "string", (_caller, args) => {
      database.get("host", str(args, 0));
      throw new XenFailure("XENAPI_MISSING_PLUGIN", str(args, 1));
    }),
    method("host.list_methods", [], "set", () => []),
  ];
}

function servertime(): string {
  return `${new Date().toISOString().replaceAll("-", "").slice(0, 17)}Z`;
}

export function masterOf({ database }: Xapi): {
  readonly pool: string;
  readonly host: string;
  readonly address: string;
} {
  const [entry] = database.table("pool");
  if (entry === undefined) throw new XenFailure("INTERNAL_ERROR", "there is no pool");
  const host = text(entry[1], "master");
  return { pool: entry[0], host, address: text(database.get("host", host), "address") };
}
