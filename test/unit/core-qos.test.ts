import { expect, test } from "vitest";
import { backEndQos, frontEndQos, resolveQos } from "#scheduler/core/qos.ts";
import type { QosConsumer, QosSpecs } from "#shared/model/qos.ts";
import { uuid } from "#test/kit/records.ts";

function qos(specs: Record<string, string>, consumer: QosConsumer = "both"): QosSpecs {
  return { id: uuid(1), name: "fast", consumer, specs };
}

type Row = readonly [
  what: string,
  specs: Record<string, string>,
  sizeGib: number,
  resolved: Record<string, string | number>,
];
const ROWS: readonly Row[] = [
  ["a fixed limit", { total_iops_sec: "500" }, 10, { total_iops_sec: "500" }],
  ["per GiB", { total_iops_sec_per_gb: "30" }, 10, { total_iops_sec: 300 }],
  ["never below the floor", { read_iops_sec_per_gb: "1", read_iops_sec_per_gb_min: "100" }, 10, { read_iops_sec: 100 }],
  ["above the floor", { read_iops_sec_per_gb: "30", read_iops_sec_per_gb_min: "100" }, 10, { read_iops_sec: 300 }],
  ["capped", { write_bytes_sec_per_gb: "30", write_bytes_sec_max: "200" }, 10, { write_bytes_sec: 200 }],
  ["per GiB goes before fixed", { total_bytes_sec: "7", total_bytes_sec_per_gb: "2" }, 3, { total_bytes_sec: 6 }],
  [
    "a burst without per GiB stays",
    { total_iops_sec: "5", total_iops_sec_max: "9", total_iops_sec_max_length: "60", size_iops_sec: "4096" },
    3,
    { total_iops_sec: "5", total_iops_sec_max: "9", total_iops_sec_max_length: "60", size_iops_sec: "4096" },
  ],
  ["what is the consumer's own", { "array:class": "gold" }, 3, { "array:class": "gold" }],
];

test.each(ROWS)("%s", (_what, specs, sizeGib, resolved) => {
  expect(resolveQos(qos(specs), sizeGib)).toEqual(resolved);
});

test("each consumer gets what it is to keep, a backend in numbers", () => {
  const specs = { total_iops_sec: "500", "array:class": "gold" };
  expect(frontEndQos(qos(specs, "back-end"), 1)).toBeNull();
  expect(backEndQos(qos(specs, "front-end"), 1)).toBeNull();
  expect(frontEndQos(qos(specs), 1)).toEqual(specs);
  expect(backEndQos(qos(specs), 1)).toEqual({ total_iops_sec: 500, "array:class": "gold" });
  expect([frontEndQos(null, 1), backEndQos(null, 1)]).toEqual([null, null]);
});
