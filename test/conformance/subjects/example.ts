import { readFile } from "node:fs/promises";
import { Type } from "typebox";
import { Agent, request } from "undici";
import { parser } from "#shared/schema.ts";
import { exampleDriver } from "../example/driver.ts";
import { simulator } from "../example/simulator.ts";
import { simulatedSubject } from "../simulated.ts";
import type { Subject } from "../subject.ts";

const things = parser(Type.Array(Type.Object({ name: Type.String() })));

/** The SAN base on the smallest of systems: no driver of the product, so it brings its own. */
export const subjects: readonly Subject[] = [
  simulatedSubject({
    label: "SAN base, example",
    driver: "example",
    make: exampleDriver,
    lacks: ["revert", "group-snapshot", "manage"],
    kind: simulator,
    names: (objects) => things.parse(objects).map(({ name }) => name),
    async plant({ address, credentials, details }, name, sizeBytes) {
      const ca = await readFile(String(details.certificateFile), "utf8");
      const dispatcher = new Agent({ connect: { ca } });
      const authorization = `Basic ${Buffer.from(`admin:${credentials.password}`).toString("base64")}`;
      const body = JSON.stringify({ call: "Create", name, sizeBytes });
      const answer = await request(address, { method: "POST", dispatcher, headers: { authorization }, body });
      if (answer.statusCode !== 200) throw new Error(`not planted: ${await answer.body.text()}`);
      await dispatcher.close();
    },
    parameters: ({ backend, details }, passwordFile) => ({
      ...backend.parameters,
      san_password: `file:${passwordFile}`,
      san_ca_file: details.certificateFile ?? "",
    }),
    expectedCalls: {
      open: { List: 1 },
      measure: { List: 1 },
      list: { List: 1 },
      "create volume": { Create: 1, Get: 1 },
      "create volume again": { Create: 1, Get: 1 },
      "create snapshot": { Create: 1, Get: 1 },
      "create volume from snapshot": { Create: 1, Get: 1 },
      "clone volume": { Create: 1, Get: 1 },
      "extend volume": { Get: 1, Resize: 1 },
      connect: { Get: 1 },
      disconnect: {},
      "write mark": { Comment: 1, Get: 1 },
      "delete snapshot": { Get: 1, Remove: 1 },
      "delete volume": { Get: 1, Remove: 1 },
      "delete volume again": { Get: 1 },
    },
  }),
];
