import { formatDuration } from "#shared/units.ts";
import type { Sink } from "../terminal.ts";
import { safeText } from "./safe-text.ts";
import { type Paint, stateTone } from "./style.ts";
import { truncate } from "./width.ts";

export interface Progress {
  /** What it is doing now. */
  show(state: string): void;
  /** Leaves the terminal as it was. */
  stop(): void;
}

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 100;
const CLEAR_LINE = "\r\u001b[2K";

export const silent: Progress = { show: () => {}, stop: () => {} };

/** On a terminal one line that lives; elsewhere a line for each change of state. */
export function startProgress(sink: Sink, what: string, paint: Paint): Progress {
  return sink.isTerminal ? livingLine(sink, safeText(what), paint) : lineByState(sink, safeText(what));
}

function livingLine(sink: Sink, what: string, paint: Paint): Progress {
  const startedMs = performance.now();
  let state = "";
  let frame = 0;
  const draw = (): void => {
    const head = `${FRAMES[frame % FRAMES.length]} ${truncate(what, Math.max(10, sink.columns - 40))}  `;
    sink.write(
      `${CLEAR_LINE}${head}${paint(stateTone(state), state)}  ${formatDuration(performance.now() - startedMs)}`,
    );
    frame += 1;
  };
  const timer = setInterval(draw, FRAME_MS);
  return {
    show(next) {
      state = safeText(next);
      draw();
    },
    stop() {
      clearInterval(timer);
      sink.write(CLEAR_LINE);
    },
  };
}

function lineByState(sink: Sink, what: string): Progress {
  const startedMs = performance.now();
  let last: string | null = null;
  return {
    show(state) {
      if (state === last) return;
      last = state;
      sink.write(`${what}: ${safeText(state)} (${formatDuration(performance.now() - startedMs)})\n`);
    },
    stop: () => {},
  };
}
