import { stat } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { volumeName } from "#agent/drivers/names.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import { filesIn } from "#test/kit/image-folder.ts";
import type { Subject } from "../subject.ts";

function fileSubject(label: string, connects: Subject["connects"], parameters: Backend["parameters"]): Subject {
  return {
    label,
    driver: "file",
    connects,
    async stand(folder, capacityGib) {
      const images = join(folder, "images");
      return {
        parameters: { path: images, capacity_gib: capacityGib, ...parameters },
        leftovers: () => filesIn(images),
        async assertAtRest(volumeId, sizeBytes) {
          const footerBytes = parameters.format === "vhd" ? 512 : 0;
          expect((await stat(join(images, volumeName(volumeId)))).size).toBe(sizeBytes + footerBytes);
        },
        system: null,
        async [Symbol.asyncDispose]() {},
      };
    },
  };
}

export const subjects: readonly Subject[] = [
  fileSubject("file, raw", "really", {}),
  fileSubject("file, raw, thick", "really", { allocation: "thick" }),
  fileSubject("file, vhd", "really", { format: "vhd" }),
  fileSubject("file, qcow2", "not", { format: "qcow2" }),
  fileSubject("file, qcow2, thick", "not", { format: "qcow2", allocation: "thick" }),
];
