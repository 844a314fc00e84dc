import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";

let stand: ApiStand;
beforeEach(async () => {
  stand = await openApiStand();
});
afterEach(() => stand.api.close());

function ask(path: string, version = "latest", method: "GET" | "DELETE" = "GET") {
  return stand.ask({ method, url: `/v3/${path}`, headers: { "openstack-api-version": `volume ${version}` } });
}

/** Volumes that no backend took, oldest first; their ids. */
async function refused(project: string, count: number): Promise<string[]> {
  for (const backendId of [1, 2, 3]) await stand.reportDown(backendId, "away");
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    const payload = { volume: { size: 1 } };
    const made = await stand.ask({ method: "POST", url: `/v3/${project}/volumes`, payload });
    ids.push(made.json().volume.id);
    stand.nowMs += stand.state.settings.placementDeadlineMs + 1;
    await stand.engine.submit("tick", {});
  }
  return ids;
}

test("a volume that could not be placed leaves a message, from 3.3 on", async () => {
  const [volumeId] = await refused("p1", 1);
  expect((await ask("p1/messages", "3.2")).statusCode).toBe(404);
  const { messages } = (await ask("p1/messages", "3.3")).json();
  expect(messages).toHaveLength(1);
  const [message] = messages;
  expect(message).toMatchObject({
    message_level: "ERROR",
    resource_type: "VOLUME",
    resource_uuid: volumeId,
    event_id: expect.stringMatching(/^VOLUME_VOLUME_\d{3}_\d{3}$/),
    created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+$/),
    request_id: expect.stringMatching(/^req-/),
  });
  expect(message.links[0].href).toMatch(new RegExp(`/v3/p1/messages/${message.id}$`));
  expect((await ask(`p1/messages/${message.id}`, "3.3")).json()).toEqual({ message });
});

test("messages are one project's, and can be forgotten", async () => {
  await refused("p1", 1);
  const { id } = (await ask("p1/messages")).json().messages[0];
  expect((await ask("p2/messages")).json()).toEqual({ messages: [] });
  expect((await ask(`p2/messages/${id}`)).statusCode).toBe(404);
  expect((await ask(`p2/messages/${id}`, "latest", "DELETE")).statusCode).toBe(404);
  expect((await ask(`p1/messages/${id}`, "3.2", "DELETE")).statusCode).toBe(404);
  expect((await ask(`p1/messages/${id}`, "3.3", "DELETE")).statusCode).toBe(204);
  expect((await ask(`p1/messages/${id}`)).statusCode).toBe(404);
});

test("they come in pages, sorted and filtered, from 3.5 on", async () => {
  const [first, second, third] = await refused("p1", 3);
  const seen = async (query: string, version: string) =>
    (await ask(`p1/messages?${query}`, version))
      .json()
      .messages.map((one: { resource_uuid: string }) => one.resource_uuid);
  expect(await seen("limit=1", "3.4")).toEqual([third, second, first]);
  expect(await seen("limit=1", "3.5")).toEqual([third]);
  expect(await seen("sort=created_at:asc", "3.5")).toEqual([first, second, third]);
  expect(await seen(`resource_uuid=${second}`, "3.4")).toHaveLength(3);
  expect(await seen(`resource_uuid=${second}`, "3.5")).toEqual([second]);
  const page = (await ask("p1/messages?limit=1", "3.5")).json();
  const next = new URL(page.messages_links[0].href);
  expect((await stand.ask(`${next.pathname}${next.search}`)).json().messages[0].resource_uuid).toBe(second);
});
