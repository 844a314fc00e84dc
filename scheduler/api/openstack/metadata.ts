import { BerthError } from "#shared/errors.ts";
import type { Api } from "../dependencies.ts";
import { type Caller, callerOf } from "../request-context.ts";
import { isJsonObject, readMetadata, refusal } from "./fields.ts";
import type { OnObject } from "./routes.ts";

type Metadata = Readonly<Record<string, string>>;

interface OnKey {
  Params: OnObject["Params"] & { key: string };
}

/** Where the metadata of one kind of object is read and written. */
export interface MetadataHolder {
  /** Throws E_NOT_FOUND. */
  readonly read: (id: string, caller: Caller) => Metadata;
  readonly write: (id: string, caller: Caller, metadata: Metadata) => Promise<Metadata>;
}

/**
 * `…/metadata` and `…/metadata/KEY` below `path` (which ends in `/:id`). Reading and deciding are one step without a
 * wait between them, so that two clients who add keys at once lose none.
 */
export function metadataRoutes(app: Api, path: string, holder: MetadataHolder): void {
  app.get<OnObject>(`${path}/metadata`, (request, reply) => {
    const caller = callerOf(request, request.params.project);
    return reply.send({ metadata: holder.read(request.params.id, caller) });
  });

  app.post<OnObject>(`${path}/metadata`, async (request) => {
    const { id, project } = request.params;
    const caller = callerOf(request, project);
    const added = readWhole(request.body, "metadata");
    return { metadata: await holder.write(id, caller, merged(holder.read(id, caller), added)) };
  });

  app.put<OnObject>(`${path}/metadata`, async (request) => {
    const caller = callerOf(request, request.params.project);
    return { metadata: await holder.write(request.params.id, caller, readWhole(request.body, "metadata")) };
  });

  app.get<OnKey>(`${path}/metadata/:key`, (request, reply) => {
    const { id, key, project } = request.params;
    const value = valueAt(holder.read(id, callerOf(request, project)), key);
    return reply.send({ meta: { [key]: value } });
  });

  app.put<OnKey>(`${path}/metadata/:key`, async (request) => {
    const { id, key, project } = request.params;
    const caller = callerOf(request, project);
    const added = readWhole(request.body, "meta");
    if (Object.keys(added).join() !== key) throw refusal("the body must name the key of the path, and no other");
    await holder.write(id, caller, merged(holder.read(id, caller), added));
    return { meta: added };
  });

  app.delete<OnKey>(`${path}/metadata/:key`, async (request, reply) => {
    const { id, key, project } = request.params;
    const caller = callerOf(request, project);
    const before = holder.read(id, caller);
    valueAt(before, key);
    await holder.write(id, caller, Object.fromEntries(Object.entries(before).filter(([name]) => name !== key)));
    return reply.code(200).send();
  });
}

function readWhole(body: unknown, key: "metadata" | "meta"): Metadata {
  const value = isJsonObject(body) ? body[key] : undefined;
  return readMetadata(key, value ?? null);
}

function merged(before: Metadata, added: Metadata): Metadata {
  return readMetadata("metadata", { ...before, ...added });
}

function valueAt(metadata: Metadata, key: string): string {
  const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
  if (value === undefined) throw new BerthError("E_NOT_FOUND", `there is no metadata key ${JSON.stringify(key)}`);
  return value;
}
