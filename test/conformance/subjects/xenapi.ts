import { recordsIn, XenClient } from "#test/kit/xen-client.ts";
import type { ReadyLine } from "#test/simulators/kit/simulator.ts";
import { simulator } from "#test/simulators/xenapi/simulator.ts";
import { type SimulatedSubject, simulatedSubject } from "../simulated.ts";
import type { Subject } from "../subject.ts";

const LOOK = { "VDI.get_by_name_label": 1, "VDI.get_record": 1 };
const LOOKS = { "VDI.get_by_name_label": 2, "VDI.get_record": 1 };
/** A note at the original, the copy, its name and mark, and the note away. */
const BRANCH = { ...LOOKS, "VDI.get_uuid": 1, "VDI.set_other_config": 3, "VDI.set_name_label": 1 };

const common = {
  kind: simulator,
  lacks: ["group-snapshot", "manage"],
  names: (objects) =>
    recordsIn(objects, "VDI")
      .filter(({ managed }) => managed === true)
      .map(({ name_label }) => String(name_label)),
  plant: (ready, name, sizeBytes) => new XenClient({ ready: { ...ready, control: "" } }).plant(name, sizeBytes),
  zoneSettings: ({ address, credentials }: ReadyLine, passwordFile: string) => ({
    xenapi_url: address,
    xenapi_user: credentials.username ?? "",
    xenapi_password: `file:${passwordFile}`,
  }),
  expectedCalls: {
    open: {
      "PBD.get_all_records_where": 1,
      "SM.get_all_records": 1,
      "SR.get_by_uuid": 1,
      "host.get_all_records": 2,
      "pool.get_all_records": 2,
      "session.login_with_password": 1,
      "session.logout": 1,
    },
    measure: { "SR.get_record": 1, "SR.scan": 1, "VDI.get_all_records_where": 1 },
    list: { "VDI.get_all_records_where": 1 },
    "create volume": { "VDI.create": 1, "VDI.get_by_name_label": 1, "VDI.get_uuid": 1 },
    "create volume again": LOOK,
    "create snapshot": { ...BRANCH, "VDI.snapshot": 1 },
    "create volume from snapshot": { ...BRANCH, "VDI.clone": 1 },
    "clone volume": { ...BRANCH, "VDI.clone": 1 },
    "extend volume": { ...LOOK, "VDI.resize": 1 },
    connect: { "VDI.get_by_name_label": 2, "VDI.get_record": 2 },
    disconnect: LOOK,
    "write mark": { ...LOOK, "VDI.set_other_config": 1 },
    "delete snapshot": { ...LOOK, "VDI.destroy": 1 },
    "delete volume": { ...LOOK, "VDI.destroy": 1 },
    "delete volume again": { "VDI.get_all_records_where": 1, "VDI.get_by_name_label": 1 },
  },
} satisfies Partial<SimulatedSubject>;

/** One driver for all SR types: a thin one and one that keeps to its space are held to everything. */
export const subjects: readonly Subject[] = [
  simulatedSubject({
    ...common,
    label: "XenAPI, nfs",
    driver: "nfs",
    alike: ["ext", "hba", "rawhba", "iscsi"],
    keepsToCapacity: false,
  }),
  simulatedSubject({
    ...common,
    label: "XenAPI, netapp",
    driver: "netapp",
    alike: ["equal", "lvm", "lvmohba", "lvmoiscsi"],
    parameters: (_ready, passwordFile) => ({
      target: "filer",
      username: "admin",
      password: `file:${passwordFile}`,
      aggregate: "aggr0",
    }),
  }),
];
