import type { Failure } from "../failure.ts";
import { safeJson, safeText } from "./safe-text.ts";
import type { Paint } from "./style.ts";

/** Two lines for people: what is wrong with its code, and what to do. A fault inside has its request id to report. */
export function failureText(failure: Failure, help: string, paint: Paint): string {
  const report = failure.code === "E_INTERNAL" && failure.requestId !== null ? ` [${failure.requestId}]` : "";
  return (
    `${paint("bad", "berth:")} ${safeText(failure.message)} (${safeText(failure.code)})${report}\n` +
    `${paint("quiet", "Next:")} ${safeText(failure.next ?? seeHelp(help))}\n`
  );
}

/** For programs: one JSON document on stderr. */
export function failureJson(failure: Failure, help: string): string {
  const { code, message, next, details, requestId, exitCode } = failure;
  return `${safeJson({ error: { code, message, next: next ?? seeHelp(help), details, requestId }, exitCode })}\n`;
}

function seeHelp(help: string): string {
  return `See \`${help}\`.`;
}
