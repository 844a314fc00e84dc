import { Type } from "typebox";
import type { ApiDependencies } from "../../dependencies.ts";
import { type Operation, operation } from "../rest/operation.ts";

const ZoneList = Type.Object({
  availabilityZoneInfo: Type.Array(
    Type.Object({ zoneName: Type.String(), zoneState: Type.Object({ available: Type.Boolean() }) }),
  ),
});

export function zoneOperations({ engine }: ApiDependencies): readonly Operation[] {
  const { state } = engine;
  return [
    operation({
      name: "volume:availability_zone_list",
      summary: "The zones, and in which of them an agent is up",
      method: "GET",
      path: "/os-availability-zone",
      access: "reader",
      status: 200,
      answer: ZoneList,
      handle: () => {
        const zonesUp = new Set<string>();
        for (const agent of state.fleet.agents.values()) if (agent.up) zonesUp.add(agent.heartbeat.zone);
        return {
          availabilityZoneInfo: state.catalogue.catalogue.zones.map(({ name }) => ({
            zoneName: name,
            zoneState: { available: zonesUp.has(name) },
          })),
        };
      },
    }),
  ];
}
