import type { Zone } from "#shared/model/catalogue.ts";
import type { Volume } from "#shared/model/volume.ts";
import { type Ec2Context, telling } from "../context.ts";
import { type FilterTable, filterBy } from "../filters.ts";
import { volumeIdOf } from "../ids.ts";
import { pageOf } from "../paging.ts";
import { Ec2Refusal } from "../refusal.ts";
import { DescribeAvailabilityZones, DescribeVolumes } from "../schemas.ts";
import { tagsOf } from "../tags.ts";
import { volumeStatus } from "../volume-view.ts";
import type { XmlFields } from "../xml.ts";
import { volumesNamed } from "./volumes.ts";

/** A zone is to be had while one of its agents is up. Its region is what the client calls the place where Berth is. */
export const describeAvailabilityZones = telling(DescribeAvailabilityZones, async ({ state, caller }, asked) => {
  const up = new Set([...state.fleet.agents.values()].flatMap((agent) => (agent.up ? agent.heartbeat.zone : [])));
  const { zones } = state.catalogue.catalogue;
  const named = [...(asked.ZoneName ?? []), ...(asked.ZoneId ?? [])];
  const unknown = named.filter((name) => state.catalogue.zone(name) === undefined);
  if (unknown.length > 0)
    throw new Ec2Refusal("InvalidParameterValue", `Invalid availability zone: [${unknown.join(", ").slice(0, 200)}]`);
  const stateOf = ({ name }: Zone): string => (up.has(name) ? "available" : "unavailable");
  const filters: FilterTable<Zone> = {
    "group-name": () => caller.region,
    message: () => null,
    "opt-in-status": () => "opt-in-not-required",
    "region-name": () => caller.region,
    state: stateOf,
    "zone-id": ({ name }) => name,
    "zone-name": ({ name }) => name,
    "zone-type": () => "availability-zone",
  };
  const wanted = filterBy(asked.Filter ?? [], filters);
  return {
    availabilityZoneInfo: zones
      .filter((zone) => (named.length === 0 || named.includes(zone.name)) && wanted(zone))
      .map((zone) => ({
        zoneName: zone.name,
        zoneState: stateOf(zone),
        regionName: caller.region,
        zoneId: zone.name,
        groupName: caller.region,
        networkBorderGroup: caller.region,
        zoneType: "availability-zone",
        optInStatus: "opt-in-not-required",
        messageSet: [],
      })),
  };
});

export const describeVolumeStatus = telling(DescribeVolumes, async (context, asked) => {
  const { state } = context;
  const filters: FilterTable<Volume> = {
    "action.code": () => null,
    "action.description": () => null,
    "action.event-id": () => null,
    "availability-zone": ({ zone, requestedZone }) => zone ?? requestedZone,
    "event.description": () => null,
    "event.event-id": () => null,
    "event.event-type": () => null,
    "event.not-after": () => null,
    "event.not-before": () => null,
    "volume-status.details-name": () => ["io-enabled", "io-performance"],
    "volume-status.details-status": (volume) => [healthOf(context, volume).io, PERFORMANCE],
    "volume-status.status": (volume) => healthOf(context, volume).status,
  };
  const wanted = filterBy(asked.Filter ?? [], filters, tagsOf);
  const volumes = volumesNamed(context, asked).filter((volume) => volumeStatus(state, volume) !== "deleting");
  const page = pageOf(volumes.filter(wanted), asked, ({ createdAtMs, id }) => [createdAtMs, id]);
  return { volumeStatusSet: page.items.map((volume) => statusItem(context, volume)), nextToken: page.nextToken };
});

/** Nobody measures it here. */
const PERFORMANCE = "not-applicable";

function healthOf({ state }: Pick<Ec2Context, "state">, volume: Volume) {
  const status = volumeStatus(state, volume);
  if (status === "creating") return { status: "insufficient-data", io: "not-applicable" } as const;
  if (status === "error") return { status: "impaired", io: "failed" } as const;
  return { status: "ok", io: "passed" } as const;
}

function statusItem(context: Pick<Ec2Context, "state">, volume: Volume): XmlFields {
  const { status, io } = healthOf(context, volume);
  return {
    volumeId: volumeIdOf(volume.id),
    availabilityZone: volume.zone ?? volume.requestedZone,
    volumeStatus: {
      status,
      details: [
        { name: "io-enabled", status: io },
        { name: "io-performance", status: PERFORMANCE },
      ],
    },
    actionsSet: [],
    eventsSet: [],
  };
}
