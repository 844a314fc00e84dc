import { styleText } from "node:util";
import { type Static, Type } from "typebox";
import { parser } from "#shared/schema.ts";

/** Makes of a line of a program's output the line that people see; null: none. */
export type LogFormat = (program: string, line: string) => string | null;

const LogRecord = Type.Object({ level: Type.Number(), time: Type.Number(), msg: Type.Optional(Type.String()) });
type LogRecord = Static<typeof LogRecord>;
const logRecord = parser(LogRecord);

/** Said by the line's beginning, or of no use to a reader. */
const LEFT_OUT = new Set(["level", "time", "msg", "name", "pid", "hostname"]);

/** Lines of JSON as Berth's programs write them; anything else is shown as it is. */
export const pinoFormat: LogFormat = (program, line) => {
  const record = parseRecord(line);
  if (record === null) return `${prefix(program, new Date())} ${printable(line)}`;
  const facts = Object.entries(record).filter(([key, value]) => !LEFT_OUT.has(key) && !isInName(program, value));
  const words = [
    prefix(program, new Date(record.time)),
    ...levelMark(record.level),
    printable(record.msg ?? ""),
    ...facts.map(([key, value]) => styleText("dim", `${key}=${factText(value)}`)),
  ];
  return words.filter((word) => word !== "").join(" ");
};

/** nats-server tells much about itself; people need its warnings and errors. */
export const natsFormat: LogFormat = (program, line) => {
  const [, level, text] = /^\[\d+\] \[(WRN|ERR|FTL)\] (.*)$/.exec(line) ?? [];
  if (level === undefined || text === undefined) return null;
  return [prefix(program, new Date()), ...levelMark(level === "WRN" ? 40 : 50), printable(text)].join(" ");
};

/** For programs whose chatter says nothing to people; when they die, their last words are shown. */
export const quiet: LogFormat = () => null;

/** The launcher's own words, in the same form. */
export function launcherLine(text: string, now = new Date()): string {
  return `${prefix("berth", now)} ${text}`;
}

/** An agent's id, or its zone, which its id begins with. */
function isInName(program: string, value: unknown): boolean {
  return typeof value === "string" && (value === program || program.startsWith(`${value}-`));
}

function prefix(program: string, at: Date): string {
  return `${styleText("dim", at.toTimeString().slice(0, 8))} ${styleText("cyan", `[${program}]`)}`;
}

function levelMark(level: number): string[] {
  if (level >= 50) return [styleText("red", "ERROR")];
  if (level >= 40) return [styleText("yellow", "WARN")];
  return [];
}

function parseRecord(line: string): LogRecord | null {
  if (!line.startsWith("{")) return null;
  try {
    const value: unknown = JSON.parse(line);
    return logRecord.check(value) ? value : null;
  } catch {
    return null;
  }
}

function factText(value: unknown): string {
  return printable(typeof value === "string" ? value : JSON.stringify(value));
}

/** Users' words reach the log; a terminal must not take them for orders. Line ends stay, for stacks are read by people. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) =>
    character === "\n" ? character : JSON.stringify(character).slice(1, -1),
  );
}
