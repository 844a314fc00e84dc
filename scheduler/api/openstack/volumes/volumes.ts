import { type Static, Type } from "typebox";
import { findVolume } from "../../../core/find.ts";
import { newChap } from "../../../new-chap.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { metadataOperations } from "../metadata.ts";
import { ObjectTextsFields, objectTexts } from "../object-texts.ts";
import { under } from "../rest/body.ts";
import { boolean } from "../rest/kinds.ts";
import { isTrue, one, type Query } from "../rest/listing.ts";
import { type Operation, operation, operationWith } from "../rest/operation.ts";
import { listOperations } from "../rest/page.ts";
import { requireAccess } from "../rest/policy.ts";
import { CreateVolumeBody, createVolumeInput } from "./create.ts";
import { listedVolumes, VolumeAnswer, VolumeSummaryView, VolumeView, volumeSummary, volumeView } from "./view.ts";

/** Below it the word is let be. */
const FORCE_SINCE = 23;

const UpdateVolumeBody = under("volume", ObjectTextsFields);

export function volumeOperations({ engine, sealingKey }: ApiDependencies): readonly Operation[] {
  const { state } = engine;
  return [
    operationWith(CreateVolumeBody, {
      name: "volume:create",
      summary: "Make a volume: blank, or a copy of a snapshot or a volume",
      method: "POST",
      path: "/volumes",
      access: "member",
      status: 202,
      answer: VolumeAnswer,
      handle: async (call) => {
        const input = createVolumeInput(call.body, call.headers["idempotency-key"], call.caller);
        const { volume } = await engine.submit("volume.create", { ...input, chap: newChap(sealingKey) });
        return { volume: volumeView(state, volume, call) };
      },
    }),
    ...listOperations({
      object: "volume",
      path: "/volumes",
      key: "volumes",
      linksKey: "volumes_links",
      listed: listedVolumes,
      table: () => state.table("volume"),
      summary: { schema: VolumeSummaryView, view: (volume, { links }) => volumeSummary(volume, links) },
      detail: { schema: VolumeView, view: (volume, call) => volumeView(state, volume, call) },
    }),
    operation({
      name: "volume:get_summary",
      summary: "How many volumes there are, and of which size together",
      method: "GET",
      path: "/volumes/summary",
      access: "reader",
      since: 12,
      query: { all_tenants: "1: everybody's, for administrators" },
      status: 200,
      answer: VolumeSummaryAnswer,
      handle: (call) => {
        const all = call.caller.isAdmin && isTrue(one(call.query, "all_tenants"));
        return {
          "volume-summary": summaryOf(state.table("volume").values(), all ? null : call.caller.projectId, call.minor),
        };
      },
    }),
    operation({
      name: "volume:get",
      summary: "One volume",
      method: "GET",
      path: "/volumes/:id",
      access: "reader",
      status: 200,
      answer: VolumeAnswer,
      handle: (call) => ({ volume: volumeView(state, findVolume(state, call.param("id"), call.by.scope), call) }),
    }),
    operationWith(UpdateVolumeBody, {
      name: "volume:update",
      summary: "Change name, description or metadata",
      method: "PUT",
      path: "/volumes/:id",
      access: "member",
      status: 200,
      answer: VolumeAnswer,
      handle: async (call) => {
        const texts = objectTexts(call.body, call.minor);
        const volume = await engine.submit("volume.update", { ...call.by, id: call.param("id"), texts });
        return { volume: volumeView(state, volume, call) };
      },
    }),
    operation({
      name: "volume:delete",
      summary: "Delete a volume",
      method: "DELETE",
      path: "/volumes/:id",
      access: "member",
      query: { cascade: "true: its snapshots, too", force: "true: whatever state it is in, for administrators (3.23)" },
      status: 202,
      handle: ({ by, caller, minor, param, query }) => {
        const cascade = flagged(query, "cascade");
        const force = minor >= FORCE_SINCE && flagged(query, "force");
        const { id } = findVolume(state, param("id"), by.scope);
        if (force) requireAccess(caller, "admin", "volume:force_delete");
        return engine.submit("volume.delete", { ...by, id, cascade, force });
      },
    }),
    ...metadataOperations(
      "volume",
      "/volumes/:id",
      {
        read: (id, scope) => findVolume(state, id, scope).metadata,
        write: async (id, by, metadata) =>
          (await engine.submit("volume.update", { ...by, id, texts: { metadata } })).metadata,
      },
      { etags: true },
    ),
  ];
}

function flagged(query: Query, name: string): boolean {
  const given = one(query, name);
  return given !== undefined && boolean.read(name, given);
}

const VolumeSummaryAnswer = Type.Object({
  "volume-summary": Type.Object({
    total_size: Type.Integer(),
    total_count: Type.Integer(),
    /** From 3.36: each key with the values that it has somewhere. */
    metadata: Type.Optional(Type.Record(Type.String(), Type.Array(Type.String()))),
  }),
});

interface Counted {
  readonly projectId: string;
  readonly sizeGib: number;
  readonly metadata: Readonly<Record<string, string>>;
}

function summaryOf(
  volumes: Iterable<Counted>,
  projectId: string | null,
  minor: number,
): Static<typeof VolumeSummaryAnswer>["volume-summary"] {
  let [total_size, total_count] = [0, 0];
  const values = new Map<string, Set<string>>();
  for (const volume of volumes) {
    if (projectId !== null && volume.projectId !== projectId) continue;
    total_size += volume.sizeGib;
    total_count += 1;
    if (minor < 36) continue;
    for (const [key, value] of Object.entries(volume.metadata)) {
      const known = values.get(key) ?? new Set();
      values.set(key, known.add(value));
    }
  }
  const metadata = Object.fromEntries([...values].map(([key, found]) => [key, [...found].sort()]));
  return { total_size, total_count, ...(minor < 36 ? {} : { metadata }) };
}
