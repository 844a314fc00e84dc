import type { AuditAnswer, BackendAuditView, OrphanView } from "#scheduler/api/operator/audit-schemas.ts";
import { formatGib } from "#shared/units.ts";
import { command } from "../command.ts";
import { confirmed, YES } from "../confirm.ts";
import { failure, usageFailure } from "../failure.ts";
import { parseDuration } from "../key-value.ts";
import { auditText, orphanTable } from "../output/audit-text.ts";
import { backend as findBackend } from "../resolve.ts";
import type { Session } from "../session.ts";

/** The API takes so many ids at once. */
const BATCH = 1000;
/** A backend with very many objects takes its time. */
const DEADLINE_MS = 600_000;

interface Planned {
  readonly backend: BackendAuditView["backend"];
  readonly orphan: OrphanView;
}

interface Outcome {
  readonly done: string[];
  readonly passed: { readonly id: string; readonly why: string }[];
}

const audit = command({
  usage: "audit",
  summary: "Compare what stands on the backends with the ledger; remove what is left over, adopt what was lost",
  examples: [
    ["audit", "All backends; changes nothing"],
    ["audit --backend north-gold-1 --json", "One, for a program"],
    ["audit --repair --older-than 1d", "Show what would be removed, ask, and remove it"],
    ["audit --adopt --yes", "After the loss of the ledger: records from the backends' marks"],
  ],
  build: (yargs) =>
    yargs
      .option("backend", { type: "string", requiresArg: true, describe: "Only this one, by id or name" })
      .option("repair", { type: "boolean", describe: "Remove what bears our mark and has no record" })
      .option("adopt", { type: "boolean", describe: "Make records of what the ledger does not know" })
      .option("older-than", {
        type: "string",
        default: "1h",
        requiresArg: true,
        describe: "With --repair: leave what is younger (45s, 30m, 1h, 7d)",
      })
      .option("yes", YES),
  run: async (args, session) => {
    if (args.repair && args.adopt) throw usageFailure("--repair and --adopt contradict each other: adopt first");
    const olderThanMs = parseDuration(args.olderThan, "--older-than");
    const found = await readAudit(session, args.backend);
    if (args.repair) {
      const plan = planOf(found, ({ mark, orphan }) => mark && orphan.ageMs !== null && orphan.ageMs >= olderThanMs);
      warnOfLoss(session, found, plan, args.yes === true);
      await act(session, found, plan, { verb: "repair", asked: "Remove", body: { olderThanMs } }, args.yes === true);
    } else if (args.adopt) {
      const plan = planOf(found, ({ mark, orphan }) => mark && orphan.whole && orphan.origin === "unknown");
      await act(session, found, plan, { verb: "adopt", asked: "Adopt", body: {} }, args.yes === true);
    } else {
      show(session, found);
    }
    refuseUnasked(found);
  },
});

async function readAudit(session: Session, wanted: string | undefined): Promise<AuditAnswer> {
  const { client } = session;
  const backend = wanted === undefined ? null : String((await findBackend(session, wanted)).id);
  return await client.get(client.operatorPath("audit"), (a) => a.AuditAnswer, {
    query: { backend },
    deadlineMs: DEADLINE_MS,
  });
}

function show({ output }: Session, found: AuditAnswer): void {
  const { backends } = found;
  output.result({
    json: found,
    ids: backends.flatMap(({ orphans }) => orphans.map(({ id }) => id)),
    text: () => auditText(output, backends),
  });
  const count = (kind: "orphans" | "missing"): number => backends.reduce((sum, { counts }) => sum + counts[kind], 0);
  if (count("orphans") > 0)
    output.remark("Next: berth audit --adopt, if the ledger lost them; berth audit --repair, if they are left over");
  if (count("missing") > 0) output.remark("Next: berth volume reset ID --to error, if it is lost for good");
}

function planOf(
  { backends }: AuditAnswer,
  wanted: (about: { readonly mark: boolean; readonly orphan: OrphanView }) => boolean,
): Planned[] {
  return backends.flatMap(({ backend, orphans }) =>
    orphans
      .filter((orphan) => wanted({ mark: orphan.project !== null, orphan }))
      .map((orphan) => ({ backend, orphan })),
  );
}

/** Where the ledger was lost everything is an orphan: what is to be adopted must not be removed by a script. */
function warnOfLoss({ output }: Session, { backends }: AuditAnswer, plan: readonly Planned[], yes: boolean): void {
  const unknown = plan.filter(({ orphan }) => orphan.origin === "unknown").length;
  const recorded = backends.reduce((sum, { counts }) => sum + counts.recorded, 0);
  if (unknown <= recorded) return;
  const told = `the ledger knows ${recorded} of these objects and does not know ${unknown}: was it lost?`;
  const next = "If so: berth audit --adopt. If they are to be removed: repair without --yes.";
  if (yes) throw failure("E_CONFLICT", told, { next });
  output.remark(`${told} ${next}`);
}

interface Doing {
  readonly verb: "repair" | "adopt";
  readonly asked: "Remove" | "Adopt";
  readonly body: object;
}

/** Shows the plan, asks, and has each batch done. What is done then is never more than what was shown. */
async function act(
  session: Session,
  found: AuditAnswer,
  plan: readonly Planned[],
  doing: Doing,
  yes: boolean,
): Promise<void> {
  const { output, terminal } = session;
  const outcome: Outcome = { done: [], passed: [] };
  if (plan.length > 0 && !yes && output.form === "people") terminal.out.write(orphanTable(output, plan));
  const agreed = plan.length > 0 && (await confirmed(session, `${doing.asked} ${sizeText(plan)}?`, yes));
  if (agreed) await doAll(session, plan, doing, outcome);
  output.result({
    json: { ...found, plan: plan.map(({ backend, orphan }) => ({ backend, ...orphan })), ...outcome },
    ids: outcome.done,
    text: () => outcomeText(plan, doing, agreed, outcome),
  });
}

async function doAll(
  { client }: Session,
  plan: readonly Planned[],
  { verb, body }: Doing,
  outcome: Outcome,
): Promise<void> {
  for (const backendId of new Set(plan.map(({ backend }) => backend.id))) {
    // Volumes before their snapshots, over all batches.
    const here = plan.filter(({ backend }) => backend.id === backendId).map(({ orphan }) => orphan);
    const ids = [...here.filter(isVolume), ...here.filter((orphan) => !isVolume(orphan))].map(({ id }) => id);
    for (let from = 0; from < ids.length; from += BATCH) {
      const path = client.operatorPath("backends", String(backendId), "audit", verb);
      const batch = { ...body, ids: ids.slice(from, from + BATCH) };
      const answer = await client.ask("POST", path, batch, (a) => a.AuditedAnswer, { deadlineMs: DEADLINE_MS });
      outcome.done.push(...answer.done);
      outcome.passed.push(...answer.passed);
    }
  }
}

function isVolume({ kind }: OrphanView): boolean {
  return kind === "volume";
}

function sizeText(plan: readonly Planned[]): string {
  const bytes = plan.reduce((sum, { orphan }) => sum + (orphan.sizeBytes ?? 0), 0);
  return `${plan.length === 1 ? "this one" : `these ${plan.length}`}, ${formatGib(bytes)} in all`;
}

function outcomeText(plan: readonly Planned[], { verb }: Doing, agreed: boolean, { done, passed }: Outcome): string {
  const nothing = verb === "repair" ? "There is nothing to remove.\n" : "There is nothing to adopt.\n";
  if (plan.length === 0) return nothing;
  if (!agreed) return "";
  const made = verb === "repair" ? `${done.length} are being removed.\n` : `${done.length} are adopted.\n`;
  return made + passed.map(({ id, why }) => `${id} was left alone: ${why}\n`).join("");
}

/** What could not be looked at is not known to be well. */
function refuseUnasked({ backends }: AuditAnswer): void {
  const [first, ...others] = backends.filter(({ error }) => error !== null);
  if (first === undefined) return;
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  throw failure(
    "E_UNAVAILABLE",
    `backend ${first.backend.name}${more} could not be looked at: ${first.error?.message}`,
    {
      next: `See \`berth backend show ${first.backend.id}\`.`,
    },
  );
}

export const commands = [audit];
