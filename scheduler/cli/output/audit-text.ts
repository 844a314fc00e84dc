import type { BackendAuditView, OrphanView } from "#scheduler/api/operator/audit-schemas.ts";
import { formatDuration, formatGib } from "#shared/units.ts";
import type { Output } from "./output.ts";
import type { Column } from "./table.ts";

const BACKEND_COLUMNS: readonly Column<BackendAuditView>[] = [
  { title: "backend", cell: ({ backend }) => ({ text: backend.name, tone: "strong" }) },
  { title: "recorded", align: "right", cell: ({ counts }) => String(counts.recorded) },
  { title: "in work", align: "right", cell: ({ counts }) => String(counts.inWork) },
  { title: "orphans", align: "right", cell: ({ counts }) => bad(counts.orphans) },
  { title: "missing", align: "right", cell: ({ counts }) => bad(counts.missing) },
  { title: "differing", align: "right", cell: ({ counts }) => bad(counts.differing) },
  { title: "foreign", align: "right", cell: ({ counts }) => String(counts.foreign) },
  { title: "note", wrap: true, cell: noteOf },
];

function bad(count: number) {
  return { text: String(count), tone: count > 0 ? ("bad" as const) : null };
}

function noteOf({ error, marks }: BackendAuditView) {
  if (error !== null) return { text: `not looked at: ${error.message}`, tone: "bad" as const };
  return marks === false ? "it has no room for marks: nothing can be removed or adopted by an audit" : "";
}

export interface ListedOrphan {
  readonly backend: BackendAuditView["backend"];
  readonly orphan: OrphanView;
}

const ORPHAN_COLUMNS: readonly Column<ListedOrphan>[] = [
  { title: "kind", cell: ({ orphan }) => orphan.kind },
  { title: "id", whole: true, cell: ({ orphan }) => orphan.id },
  { title: "name", cell: ({ orphan }) => orphan.name ?? "-" },
  { title: "project", cell: ({ orphan }) => orphan.project ?? "-" },
  { title: "flavor", cell: ({ orphan }) => orphan.flavor ?? "-" },
  { title: "size", align: "right", cell: ({ orphan }) => sizeText(orphan.sizeBytes) },
  { title: "age", align: "right", cell: ({ orphan }) => (orphan.ageMs === null ? "-" : formatDuration(orphan.ageMs)) },
  { title: "backend", cell: ({ backend }) => backend.name },
  { title: "why", wrap: true, cell: ({ orphan }) => whyText(orphan) },
];

/** What each origin means, for people. */
const ORIGINS: Readonly<Record<OrphanView["origin"], string>> = {
  deleted: "was deleted",
  "not-here": "is not recorded as being here",
  unknown: "not in the ledger",
};

function whyText({ origin, whole, project }: OrphanView): string {
  const parts = [ORIGINS[origin], ...(whole ? [] : ["only a part is there"]), ...(project === null ? ["no mark"] : [])];
  return parts.join("; ");
}

function sizeText(bytes: number | null): string {
  return bytes === null ? "-" : formatGib(bytes);
}

interface Wrong {
  readonly backend: string;
  readonly kind: string;
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly what: string;
}

const WRONG_COLUMNS: readonly Column<Wrong>[] = [
  { title: "kind", cell: ({ kind }) => kind },
  { title: "id", whole: true, cell: ({ id }) => id },
  { title: "name", cell: ({ name }) => name },
  { title: "status", cell: ({ status }) => status },
  { title: "backend", cell: ({ backend }) => backend },
  { title: "what", wrap: true, cell: ({ what }) => what },
];

export function orphanTable(output: Output, orphans: readonly ListedOrphan[]): string {
  return output.table(ORPHAN_COLUMNS, orphans);
}

/** The counts of all backends, then what is wrong, one by one. */
export function auditText(output: Output, backends: readonly BackendAuditView[]): string {
  const orphans = backends.flatMap(({ backend, orphans: found }) => found.map((orphan) => ({ backend, orphan })));
  const wrong = backends.flatMap(wrongOf);
  const foreign = backends.flatMap(({ backend, foreign: names }) =>
    names.map((name) => ({ backend: backend.name, name })),
  );
  return [
    backends.length === 0 ? "There are no backends.\n" : output.table(BACKEND_COLUMNS, backends),
    orphans.length === 0 ? "" : `\n${output.heading("Orphans")}${orphanTable(output, orphans)}`,
    wrong.length === 0 ? "" : `\n${output.heading("Not as recorded")}${output.table(WRONG_COLUMNS, wrong)}`,
    foreign.length === 0 ? "" : `\n${output.heading("Foreign, left alone")}${output.table(FOREIGN_COLUMNS, foreign)}`,
  ].join("");
}

const FOREIGN_COLUMNS: readonly Column<{ readonly backend: string; readonly name: string }>[] = [
  { title: "backend", cell: ({ backend }) => backend },
  { title: "name", wrap: true, cell: ({ name }) => name },
];

function wrongOf({ backend, missing, differing, exposed }: BackendAuditView): Wrong[] {
  return [
    ...missing.map((record) => ({ ...record, backend: backend.name, what: "is not there" })),
    ...differing.map((record) => ({
      ...record,
      backend: backend.name,
      what: record.whole
        ? `is ${sizeText(record.foundBytes)} large, recorded are ${sizeText(record.sizeBytes)}`
        : "only a part of it is there",
    })),
    ...exposed.map((record) => ({ ...record, backend: backend.name, what: exposedText(record.letIn) })),
  ];
}

function exposedText(letIn: readonly (string | null)[]): string {
  if (letIn.length === 0) return "is exported and connected to nobody; the next sweep ends it";
  const hosts = letIn.map((who) => who ?? "every host that knows its secret");
  return `is open to ${hosts.join(", ")}, which has it no more; the next sweep shuts it out`;
}
