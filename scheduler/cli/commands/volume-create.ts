import { command } from "../command.ts";
import { failure, usageFailure } from "../failure.ts";
import { parseKeyValues, parseSeconds, parseWholeNumber } from "../key-value.ts";
import { refusalText, roundText } from "../output/placement-text.ts";
import { groupId, snapshotId, typeable, volumeId } from "../resolve.ts";
import type { Session } from "../session.ts";
import { volumeView } from "../views.ts";
import { showVolume, waitForVolume } from "../volumes.ts";
import { TIMEOUT, WAIT } from "./wait-options.ts";

/** What is asked for, with the names of sources resolved to ids. */
interface Request {
  readonly flavor: string | null;
  readonly sizeGib: number | null;
  readonly zone: string | null;
  readonly snapshotId: string | null;
  readonly volumeId: string | null;
  readonly groupId: string | null;
  readonly sameAs: readonly string[];
  readonly differentFrom: readonly string[];
}

export const create = command({
  usage: "create",
  summary: "Ask for a volume: of a flavor, in a zone, blank or with the data of a snapshot or volume",
  examples: [
    ["volume create --flavor gold --size 10 --zone north --name data --wait", "Come back when it can be used"],
    ["volume create --size 10 --dry-run", "Where would it go, and why?"],
    ["volume create --from-snapshot before-upgrade --name restored", "With a snapshot's data, of its size"],
    ["volume create --size 10 --different-backend-from data", "Never on the backend of that volume"],
    ["volume create --flavor gold --size 10 --group databases", "In a group, on the backend of its other volumes"],
    ["volume create --size 10 --metadata app=db --metadata tier=1", "With metadata"],
  ],
  build: (yargs) =>
    yargs
      .option("size", { type: "string", requiresArg: true, describe: "Whole GiB; not needed with a source" })
      .option("flavor", { type: "string", requiresArg: true, describe: "Flavor; else the source's or the default" })
      .option("zone", { type: "string", requiresArg: true, describe: "Zone; else any, by the flavor's order" })
      .option("name", { type: "string", requiresArg: true, describe: "Name, for people" })
      .option("description", { type: "string", requiresArg: true, describe: "Description, for people" })
      .option("metadata", {
        type: "string",
        array: true,
        requiresArg: true,
        describe: "key=value, repeatable",
      })
      .option("from-snapshot", { type: "string", requiresArg: true, describe: "Start with this snapshot's data" })
      .option("from-volume", { type: "string", requiresArg: true, describe: "Start with this volume's data" })
      .option("group", { type: "string", requiresArg: true, describe: "A group that it is made in, by id or name" })
      .option("same-backend-as", {
        type: "string",
        array: true,
        requiresArg: true,
        describe: "On the backend of this volume; repeated, of one of them",
      })
      .option("different-backend-from", {
        type: "string",
        array: true,
        requiresArg: true,
        describe: "Not on the backend of this volume; repeated, of none of them",
      })
      .option("idempotency-key", {
        type: "string",
        requiresArg: true,
        describe: "The same key and request again give the same volume (24 h)",
      })
      .option("dry-run", { type: "boolean", describe: "Only tell what would happen" })
      .option("wait", WAIT)
      .option("timeout", TIMEOUT),
  run: async (args, session) => {
    if (args.fromSnapshot !== undefined && args.fromVolume !== undefined)
      throw usageFailure("a volume starts from a snapshot or from a volume, not from both");
    if (args.size === undefined && args.fromSnapshot === undefined && args.fromVolume === undefined)
      throw usageFailure("--size is missing");
    const timeoutMs = parseSeconds(args.timeout, "--timeout");
    const metadata = parseKeyValues(args.metadata ?? [], "--metadata");
    const request: Request = {
      flavor: args.flavor ?? null,
      sizeGib: args.size === undefined ? null : parseWholeNumber(args.size, "--size"),
      zone: args.zone ?? null,
      snapshotId: args.fromSnapshot === undefined ? null : await snapshotId(session, args.fromSnapshot),
      volumeId: args.fromVolume === undefined ? null : await volumeId(session, args.fromVolume),
      groupId: args.group === undefined ? null : await groupId(session, args.group),
      sameAs: await volumeIds(session, args.sameBackendAs),
      differentFrom: await volumeIds(session, args.differentBackendFrom),
    };
    if (args.dryRun) return dryRun(session, request);
    const texts = { name: args.name ?? null, description: args.description ?? null, metadata };
    await createVolume(session, request, texts, args.idempotencyKey, args.wait ? timeoutMs : null);
  },
});

async function volumeIds(session: Session, words: readonly string[] = []): Promise<string[]> {
  const ids: string[] = [];
  for (const word of words) ids.push(await volumeId(session, word));
  return [...new Set(ids)];
}

async function createVolume(
  session: Session,
  request: Request,
  texts: { readonly name: string | null; readonly description: string | null; readonly metadata: object },
  idempotencyKey: string | undefined,
  waitMs: number | null,
): Promise<void> {
  const { client, output } = session;
  const body = {
    volume: {
      ...texts,
      size: request.sizeGib,
      volume_type: request.flavor,
      availability_zone: request.zone,
      snapshot_id: request.snapshotId,
      source_volid: request.volumeId,
      ...(request.groupId === null ? {} : { group_id: request.groupId }),
    },
    ...hintsBody(request),
  };
  const headers = idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey };
  const path = client.volumesPath("volumes");
  const { volume } = await client.ask("POST", path, body, (a) => a.VolumeAnswer, { headers });
  const made = volumeView(volume);
  showVolume(session, waitMs === null ? made : await waitForVolume(session, made, waitMs));
  output.remark(`Next: berth volume ${waitMs === null ? "show" : "explain"} ${typeable(made)}`);
}

function hintsBody({ sameAs, differentFrom }: Request): object {
  if (sameAs.length + differentFrom.length === 0) return {};
  return { "OS-SCH-HNT:scheduler_hints": { same_host: sameAs, different_host: differentFrom } };
}

async function dryRun({ client, output }: Session, request: Request): Promise<void> {
  const body = { ...request, ...(client.project === null ? {} : { project: client.project }) };
  const { round } = await client.ask("POST", client.operatorPath("placements", "dry-run"), body, (a) => a.DryRunAnswer);
  output.result({
    json: { round },
    ids: round.chosenBackendId === null ? [] : [round.chosenBackendId],
    text: () => roundText(output, round),
  });
  if (round.chosenBackendId === null)
    throw failure("E_NO_PLACEMENT", `it would not be placed: ${refusalText(round)}`, {
      next: nextAfterRefusal(round.verdicts),
    });
  output.remark("Nothing was made. Next: the same without --dry-run");
}

/** What lies nearest: the first reason that a person can do something about. */
export function nextAfterRefusal(verdicts: readonly { readonly reason: string | null }[]): string {
  const reasons = new Set(verdicts.map(({ reason }) => reason));
  if (reasons.size === 0) return "Put a backend behind the flavor: `berth backend add FLAVOR TYPE key=value…`.";
  if (reasons.has("not-enough-free")) return "Ask for less, free space, or add a backend: `berth backend list`.";
  if (reasons.has("agent-down") || reasons.has("no-report")) return "Start an agent there: `berth agent list`.";
  if (reasons.has("spec-mismatch"))
    return "See what backends report: `berth backend show ID`, `berth flavor show FLAVOR`.";
  if (reasons.has("backend-down") || reasons.has("report-old")) return "See what the agent says: `berth backend list`.";
  if (reasons.has("disabled") || reasons.has("draining")) return "Let it take volumes: `berth backend enable ID`.";
  if (reasons.size === 1 && reasons.has("wrong-zone"))
    return "Ask for another zone: `berth flavor list`, `berth zone list`.";
  return "See `berth backend list`.";
}
