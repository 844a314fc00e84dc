import { Validator } from "@seriousme/openapi-schema-validator";
import { type Static, Type } from "typebox";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parser } from "#shared/schema.ts";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";

const Document = Type.Object({
  paths: Type.Record(
    Type.String(),
    Type.Record(Type.String(), Type.Object({ operationId: Type.Optional(Type.String()) })),
  ),
});

let stand: ApiStand;
beforeEach(async () => {
  stand = await openApiStand();
});
afterEach(() => stand.api.close());

async function paths(): Promise<Static<typeof Document>["paths"]> {
  return parser(Document).parse((await stand.api.inject("/openapi.json")).json()).paths;
}

test("the document is OpenAPI 3.1 as its own schema has it", async () => {
  const document = (await stand.api.inject("/openapi.json")).json();
  expect(await new Validator().validate(document)).toMatchObject({ valid: true });
  expect(document.openapi).toBe("3.1.0");
});

test("it names every way to ask, each once", async () => {
  const told = await paths();
  const names = Object.values(told).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId));
  const named = names.filter((name) => name !== undefined);
  expect(new Set(named).size).toBe(named.length);
  for (const path of ["/v3/{project}/volumes", "/v3/{project}/attachments/{id}/action", "/berth/v1/flavors"])
    expect(Object.keys(told)).toContain(path);
});

test("people read it in the console", async () => {
  const page = await stand.api.inject("/console/api/");
  expect([page.statusCode, page.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
});
