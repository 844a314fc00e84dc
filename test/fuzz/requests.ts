import type { InjectOptions } from "fastify";
import { MAX_MINOR } from "#scheduler/api/openstack/rest/microversion.ts";
import type { Random } from "#test/simulation/random.ts";
import type { Route } from "./document.ts";
import type { Values } from "./values.ts";

const METHODS: Readonly<Record<string, InjectOptions["method"]>> = {
  GET: "GET",
  POST: "POST",
  PUT: "PUT",
  PATCH: "PATCH",
  DELETE: "DELETE",
};
const VERSIONS = ["volume", "volume 3", "volume 9.9", "volume 3.999999999999999999", "compute 2.1", "\u00e9", ""];
const TYPES = ["text/plain", "application/xml", "application/json; charset=utf-16", "", "multipart/form-data"];
const BODIES = [
  "",
  "{",
  "[]",
  "null",
  "5",
  '"text"',
  "{}",
  '{"a":1,"a":2}',
  `${"[".repeat(2000)}${"]".repeat(2000)}`,
  "\u0000",
];

/** One request on a route, most likely wrong in some place. */
export function requestOn(route: Route, random: Random, values: Values): InjectOptions {
  const path = route.pathNames.reduce((url, name) => {
    const value = name === "project" && random.chance(0.9) ? "p1" : values.word();
    return url.replace(`{${name}}`, () => encodeURIComponent(value.toWellFormed()).slice(0, 3000));
  }, route.path);
  const body = bodyOf(route, random, values);
  const version = random.chance(0.05) ? (random.pick(VERSIONS) ?? "") : `volume 3.${random.between(0, MAX_MINOR)}`;
  return {
    method: METHODS[route.method] ?? "GET",
    url: `${path}${queryOf(route, random, values)}`,
    headers: {
      "openstack-api-version": version,
      ...(body === null ? {} : { "content-type": random.chance(0.03) ? random.pick(TYPES) : "application/json" }),
    },
    ...(body === null ? {} : { payload: body }),
  };
}

function queryOf({ queryNames }: Route, random: Random, values: Values): string {
  if (random.chance(0.5)) return "";
  const params = new URLSearchParams();
  for (let left = random.between(1, 4); left > 0; left--) {
    const name = random.chance(0.8) ? (random.pick(queryNames) ?? values.word()) : values.word();
    params.append(name.slice(0, 100), values.word().slice(0, 2000));
  }
  return `?${params.toString()}`;
}

function bodyOf({ body, method }: Route, random: Random, values: Values): string | null {
  if (random.chance(0.05)) return random.pick(BODIES) ?? "";
  if (body === null) return method === "GET" || random.chance(0.7) ? null : JSON.stringify(values.strange());
  return JSON.stringify(values.of(body, random.pick([0, 0.05, 0.2, 0.5]) ?? 0)) ?? "";
}
