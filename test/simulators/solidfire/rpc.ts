import type { Cluster } from "./cluster.ts";
import { ElementError } from "./element-error.ts";
import { METHODS } from "./methods/index.ts";
import { isObject, Parameters } from "./parameters.ts";

export interface RpcRequest {
  readonly method: string;
  readonly parameters: Parameters;
  /** As it was written, for numbers of 128 bits are sent; null: there is none. */
  readonly idText: string | null;
}

/** Throws an ElementError for what is no request. */
export function parseRequest(body: string): RpcRequest {
  const value = parseJson(body);
  if (!isObject(value) || typeof value.method !== "string")
    throw new ElementError("xInvalidAPIParameter", "The request is not a JSON-RPC request.");
  const params = value.params ?? {};
  if (!isObject(params)) throw new ElementError("xInvalidParameterType", "Member params must be of type object");
  return { method: value.method, parameters: new Parameters(params), idText: idText(body, value.id) };
}

/** A number that JavaScript cannot hold is taken from the text. */
function idText(body: string, id: unknown): string | null {
  if (id === undefined || id === null) return null;
  if (typeof id !== "number" || Number.isSafeInteger(id)) return JSON.stringify(id);
  const written = [...body.matchAll(/"id"\s*:\s*(-?\d+)/g)].map(([, digits = ""]) => digits);
  return written.find((digits) => Number(digits) === id) ?? JSON.stringify(id);
}

/** What the cluster answers: the result of a call, or the error that it is refused with. */
export async function runMethod(cluster: Cluster, version: string, request: RpcRequest): Promise<object> {
  const { faults } = cluster.options.desk;
  const told = faults.take("error", request.method)?.value;
  if (typeof told === "string") throw new ElementError(told, `${told}: the simulator was told to refuse this call.`);
  const method = Object.hasOwn(METHODS, request.method) ? METHODS[request.method] : undefined;
  if (method === undefined || isOlder(version, method.since))
    throw new ElementError("xUnknownAPIMethod", `The API version ${version} has no method ${request.method}.`);
  // A result that is fetched is forgotten.
  const reads = /^(Get|List)/.test(request.method) && request.method !== "GetAsyncResult";
  return await cluster.exclusive(reads, () => method.run(cluster, request.parameters, request.method));
}

export function successText(idText: string | null, result: object): string {
  return `{${idPart(idText)}"result":${JSON.stringify(result)}}`;
}

export function failureText(idText: string | null, { name, message }: ElementError): string {
  return `{${idPart(idText)}"error":${JSON.stringify({ code: 500, name, message })}}`;
}

function idPart(idText: string | null): string {
  return idText === null ? "" : `"id":${idText},`;
}

function isOlder(version: string, since: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [sinceMajor = 0, sinceMinor = 0] = since.split(".").map(Number);
  return major < sinceMajor || (major === sinceMajor && minor < sinceMinor);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ElementError("xInvalidAPIParameter", "The request is not JSON.");
  }
}
