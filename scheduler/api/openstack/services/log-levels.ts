import { Type } from "typebox";
import type { ApiDependencies } from "../../dependencies.ts";
import { HOST } from "../places.ts";
import { needed, plain } from "../rest/body.ts";
import { kind, oneOf, reference } from "../rest/kinds.ts";
import { type Operation, operationWith } from "../rest/operation.ts";
import { refusal } from "../rest/refusal.ts";
import { SCHEDULER, VOLUME } from "./listed.ts";

const SINCE = 32;
/** The scheduler's process is both, and has one log. */
const OF_SCHEDULER = ["cinder-api", SCHEDULER];
const LOGGER = "berth";

/** The field's words for levels, and those of our log. */
const TO_OURS = { DEBUG: "debug", INFO: "info", WARNING: "warn", ERROR: "error" } as const;
const FROM_OURS: Readonly<Record<string, string>> = {
  trace: "DEBUG",
  debug: "DEBUG",
  info: "INFO",
  warn: "WARNING",
  error: "ERROR",
  fatal: "CRITICAL",
  silent: "CRITICAL",
};

const level = kind(
  Type.String({
    pattern: "^(?:[Dd][Ee][Bb][Uu][Gg]|[Ii][Nn][Ff][Oo]|[Ww][Aa][Rr][Nn][Ii][Nn][Gg]|[Ee][Rr][Rr][Oo][Rr])$",
  }),
  "one of DEBUG, INFO, WARNING, ERROR",
  (text) => text.toUpperCase(),
);
const WHICH = {
  binary: oneOf(["", "*", "cinder-api", "cinder-scheduler", "cinder-volume", "cinder-backup"]),
  server: reference,
  prefix: reference,
};
const GetLogBody = plain(WHICH);
const SetLogBody = plain({ ...WHICH, level: needed(level, "DEBUG, INFO, WARNING or ERROR") });

/** How much the scheduler's own log tells. Agents have theirs where they run (`BERTH_LOG_LEVEL`). */
export function logOperations({ log }: ApiDependencies, policy: string): readonly Operation[] {
  const meant = ({ binary = "", server = "" }: ReturnType<typeof GetLogBody.read>): readonly string[] => {
    if (server !== "" && server !== HOST) return [];
    return binary === "" || binary === "*" ? OF_SCHEDULER : OF_SCHEDULER.filter((known) => known === binary);
  };
  return [
    operationWith(GetLogBody, {
      name: `${policy}:get_log`,
      summary: "How much the scheduler's log tells",
      method: "PUT",
      path: "/os-services/get-log",
      access: "admin",
      since: SINCE,
      status: 200,
      answer: Type.Object({
        log_levels: Type.Array(
          Type.Object({
            host: Type.String(),
            binary: Type.String(),
            levels: Type.Record(Type.String(), Type.String()),
          }),
        ),
      }),
      handle: ({ body }) => {
        const levels = LOGGER.startsWith(body.prefix ?? "") ? { [LOGGER]: FROM_OURS[log.level] ?? log.level } : {};
        return { log_levels: meant(body).map((binary) => ({ host: HOST, binary, levels })) };
      },
    }),
    operationWith(SetLogBody, {
      name: `${policy}:set_log`,
      summary: "Have the scheduler's log tell more, or less, until it is started again",
      method: "PUT",
      path: "/os-services/set-log",
      access: "admin",
      since: SINCE,
      status: 202,
      handle: ({ body }) => {
        if (body.binary === VOLUME)
          throw refusal("the logs of agents are set where they run: BERTH_LOG_LEVEL, then start them again");
        if (meant(body).length === 0 || !LOGGER.startsWith(body.prefix ?? "")) return;
        log.level = Object.entries(TO_OURS).find(([name]) => name === body.level)?.[1] ?? log.level;
      },
    }),
  ];
}
