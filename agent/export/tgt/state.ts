/** What tgtd says stands there: its text (four blanks a level), read into facts. Only what Berth looks at is kept. */

export interface TgtSession {
  readonly id: number;
  readonly initiator: string;
  readonly connectionIds: readonly number[];
}

export interface TgtLun {
  readonly lun: number;
  readonly scsiId: string;
  readonly serial: string;
  readonly online: boolean;
  readonly readonly: boolean;
  readonly path: string;
}

export interface TgtTarget {
  readonly tid: number;
  readonly iqn: string;
  readonly sessions: readonly TgtSession[];
  readonly luns: readonly TgtLun[];
  /** CHAP user names, in the order in which they were bound. */
  readonly accounts: readonly string[];
  /** Initiator names and addresses let in; `ALL` is everybody. */
  readonly letIn: readonly string[];
}

export function parseTargets(text: string): TgtTarget[] {
  return text
    .split(/^(?=Target \d+: )/m)
    .filter((block) => block !== "")
    .map(parseTarget);
}

function parseTarget(block: string): TgtTarget {
  const [head = "", ...lines] = block.split("\n");
  const match = /^Target (\d+): (.*)$/.exec(head);
  const sections = sectionsOf(lines);
  return {
    tid: Number(match?.[1]),
    iqn: match?.[2] ?? "",
    sessions: groupsOf(sections.get("I_T nexus information:") ?? [], "I_T nexus: ").map(parseSession),
    luns: groupsOf(sections.get("LUN information:") ?? [], "LUN: ").map(parseLun),
    accounts: (sections.get("Account information:") ?? []).filter((line) => !line.endsWith(" (outgoing)")),
    letIn: sections.get("ACL information:") ?? [],
  };
}

/** Headings stand at one level, what belongs to them deeper. */
function sectionsOf(lines: readonly string[]): Map<string, string[]> {
  const sections = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of lines) {
    if (line === "") continue;
    if (/^ {4}\S/.test(line)) {
      current = [];
      sections.set(line.trim(), current);
    } else current.push(line.trim());
  }
  return sections;
}

interface Group {
  readonly id: number;
  readonly lines: readonly string[];
}

function groupsOf(lines: readonly string[], opener: string): Group[] {
  const groups: { id: number; lines: string[] }[] = [];
  for (const line of lines) {
    if (line.startsWith(opener)) groups.push({ id: Number(line.slice(opener.length)), lines: [] });
    else groups.at(-1)?.lines.push(line);
  }
  return groups;
}

function parseSession({ id, lines }: Group): TgtSession {
  const initiator = lines.find((line) => line.startsWith("Initiator: ")) ?? "";
  return {
    id,
    initiator: initiator.slice("Initiator: ".length).split(" ")[0] ?? "",
    connectionIds: lines
      .filter((line) => line.startsWith("Connection: "))
      .map((line) => Number(line.slice("Connection: ".length))),
  };
}

function parseLun({ id, lines }: Group): TgtLun {
  const value = (name: string): string =>
    lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? "";
  return {
    lun: id,
    scsiId: value("SCSI ID"),
    serial: value("SCSI SN"),
    online: value("Online") === "Yes",
    readonly: value("Readonly") === "Yes",
    path: value("Backing store path"),
  };
}
