import { createHash } from "node:crypto";
import type { CallContext } from "../driver.ts";
import { linesOf, type SolarisHost } from "./host.ts";
import { unless } from "./refusal.ts";

/** Sun's own, which COMSTAR begins the GUIDs of its units with. */
const GUID_PREFIX = "600144F0";

/** Of a volume's unit: the same whenever and by whomever it is made, so hosts know the disk again. */
export function guidOf(volumeId: string): string {
  return GUID_PREFIX + createHash("sha256").update(volumeId).digest("hex").slice(0, 24).toUpperCase();
}

export interface Unit {
  readonly guid: string;
  readonly sizeBytes: number;
  readonly file: string;
  readonly writeProtected: boolean;
}

export interface View {
  readonly index: string;
  /** null: all hosts. */
  readonly hostGroup: string | null;
}

/** null: there is none of this GUID. */
export async function findUnit(context: CallContext, host: SolarisHost, guid: string): Promise<Unit | null> {
  const text = await unless(["missing"], () => host.readComstar(context, "stmfadm", ["list-lu", "-v", guid]));
  return text === undefined ? null : parseUnit(guid, text);
}

function parseUnit(guid: string, text: string): Unit {
  const fields = fieldsOf(linesOf(text));
  return {
    guid,
    sizeBytes: Number(fields.get("size") ?? 0),
    file: fields.get("data file") ?? "",
    writeProtected: fields.get("write protect") === "Enabled",
  };
}

export async function unitGuids(context: CallContext, host: SolarisHost): Promise<Set<string>> {
  const text = await host.readComstar(context, "stmfadm", ["list-lu"]);
  return new Set(linesOf(text).flatMap((line) => /^LU Name:\s*([0-9A-Fa-f]{32})/.exec(line)?.[1]?.toUpperCase() ?? []));
}

export async function viewsOf(context: CallContext, host: SolarisHost, guid: string): Promise<View[]> {
  const text = await unless(["missing"], () => host.readComstar(context, "stmfadm", ["list-view", "-l", guid]));
  return text === undefined ? [] : parseViews(text);
}

export function parseViews(text: string): View[] {
  return text
    .split(/^(?=View Entry:)/m)
    .filter((block) => block.startsWith("View Entry:"))
    .map((block) => {
      const fields = fieldsOf(linesOf(block));
      const group = fields.get("host group") ?? "All";
      return { index: fields.get("view entry") ?? "0", hostGroup: group === "All" ? null : group };
    });
}

const VIEWS_SCRIPT =
  'for unit in "$@"; do echo "LU Name: $unit"; pfexec /usr/sbin/stmfadm list-view -l "$unit" 2>/dev/null; done; true';

/** Of several units, in one call. */
export async function viewsOfAll(
  context: CallContext,
  host: SolarisHost,
  guids: readonly string[],
): Promise<Map<string, View[]>> {
  if (guids.length === 0) return new Map();
  const text = await host.script(context, VIEWS_SCRIPT, guids, { changes: false });
  const blocks = text.split(/^(?=LU Name:)/m).filter((block) => block.startsWith("LU Name:"));
  return new Map(
    blocks.map((block) => {
      const [head = "", ...lines] = block.split("\n");
      return [head.slice("LU Name:".length).trim().toUpperCase(), parseViews(lines.join("\n"))];
    }),
  );
}

/** Members by group: initiators, or targets. */
export async function groupMembers(
  context: CallContext,
  host: SolarisHost,
  kind: "hg" | "tg",
  name: string | null = null,
): Promise<Map<string, string[]>> {
  const args = [`list-${kind}`, "-v", ...(name === null ? [] : [name])];
  const text = (await unless(["missing"], () => host.readComstar(context, "stmfadm", args))) ?? "";
  const groups = new Map<string, string[]>();
  let members: string[] = [];
  for (const line of linesOf(text)) {
    const [, group] = /^(?:Host|Target) [Gg]roup:\s*(.*?)\s*$/.exec(line) ?? [];
    if (group !== undefined) {
      members = [];
      groups.set(group, members);
    }
    const [, member] = /^\s+Member:\s*(\S+)/.exec(line) ?? [];
    if (member !== undefined) members.push(member);
  }
  return groups;
}

/** `    Name : value` lines; names in lower case, for releases differ. */
function fieldsOf(lines: readonly string[]): Map<string, string> {
  return new Map(
    lines.flatMap((line) => {
      const [, name, value] = /^\s*([^:]+?)\s*:\s*(.*?)\s*$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name.toLowerCase(), value] as const];
    }),
  );
}
