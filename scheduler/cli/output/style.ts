import { styleText } from "node:util";
import type { Sink, Terminal } from "../terminal.ts";

export type Tone = "good" | "bad" | "busy" | "quiet" | "strong";

const FORMATS = { good: "green", bad: "red", busy: "yellow", quiet: "dim", strong: "bold" } as const;

/** Colours a text, or leaves it, when colours are not wanted there. */
export type Paint = (tone: Tone | null, text: string) => string;

export const plain: Paint = (_tone, text) => text;

export function paintFor(sink: Sink, env: Terminal["env"], noColor: boolean): Paint {
  if (!coloursWanted(sink, env, noColor)) return plain;
  return (tone, text) => (tone === null ? text : styleText(FORMATS[tone], text, { validateStream: false }));
}

/** `--no-color` decides, then FORCE_COLOR, then NO_COLOR, then whether a person looks (no-color.org, force-color.org). */
function coloursWanted(sink: Sink, env: Terminal["env"], noColor: boolean): boolean {
  if (noColor) return false;
  const forced = env.FORCE_COLOR;
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== "") return false;
  return sink.isTerminal && env.TERM !== "dumb";
}

/** How a state is to be felt: settled and well, settled and bad, or passing. */
export function stateTone(state: string): Tone {
  if (GOOD.has(state)) return "good";
  if (state.startsWith("error") || BAD.has(state)) return "bad";
  return BUSY.has(state) || state.endsWith("ing") ? "busy" : "quiet";
}

const GOOD: ReadonlySet<string> = new Set(["available", "in-use", "up", "ok", "enabled", "open", "fits"]);
const BAD: ReadonlySet<string> = new Set(["down", "failed", "agent-down"]);
const BUSY: ReadonlySet<string> = new Set(["disabled", "degraded", "no-report", "report-old"]);
