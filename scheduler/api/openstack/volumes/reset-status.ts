import { BerthError } from "#shared/errors.ts";
import type { Volume } from "#shared/model/volume.ts";
import type { Scope } from "../../../core/commands.ts";
import { findVolume } from "../../../core/find.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { resetVolumeTo } from "../../resets.ts";
import { refusal } from "../rest/refusal.ts";

interface On {
  readonly id: string;
  readonly scope: Scope;
  readonly userId: string;
  readonly requestId: string;
}

interface Said {
  readonly status?: string | undefined;
  readonly attach_status?: string | undefined;
  readonly migration_status?: string | undefined;
}

/** What a volume can be said to be: at rest. What passes has an owner and a deadline, which no word gives it. */
const STATUSES = ["available", "in-use", "error", "maintenance"];
const ATTACH_STATUSES = ["attached", "detached"];
const MIGRATION_STATUSES = ["none", "success", "error"];

/**
 * `os-reset_status`. `error` and `maintenance` take it out of use, `available` and `in-use` give it back as what it is
 * (`core/hold.ts`); one that is in error by itself is made available only if its backend has it. Throws E_BAD_REQUEST for
 * what cannot be said, and what the core and the backends throw.
 */
export async function resetStatus(dependencies: ApiDependencies, on: On, said: Said): Promise<void> {
  const { engine } = dependencies;
  const status = wordOf("status", said.status, STATUSES);
  const attachStatus = wordOf("attach_status", said.attach_status, ATTACH_STATUSES);
  const migrationStatus = wordOf("migration_status", said.migration_status, MIGRATION_STATUSES);
  if (status === null && attachStatus === null && migrationStatus === null)
    throw refusal("Must specify 'status', 'attach_status' or 'migration_status' for update.");
  const volume = findVolume(engine.state, on.id, on.scope);
  const attached = engine.state.attachmentsOf(volume.id).length > 0;
  if (status === "in-use" && !attached)
    throw refusal("Cannot reset-state to in-use because volume does not have any attachments.");
  if (attachStatus === "attached" && volume.status !== "in-use")
    throw refusal("attach_status cannot be attached: nobody has attached the volume");
  if (status === "available" && attached && attachStatus !== "detached")
    throw refusal("status cannot be available while the volume is attached: say attach_status detached, too");
  if (migrationStatus === "none" || migrationStatus === "success" || migrationStatus === "error") {
    const migrated = migrationStatus === "none" ? null : migrationStatus;
    await engine.submit("volume.flag", { ...on, flags: { migrated } });
  }
  if (attachStatus === "detached")
    await engine.submit("attachment.disconnect", { ...on, connector: null, force: true });
  if (status === "error" || status === "maintenance") await engine.submit("volume.hold", { ...on, as: status });
  else if (status !== null) await giveBack(dependencies, on, volume, status);
}

async function giveBack(dependencies: ApiDependencies, on: On, { status: own }: Volume, to: string): Promise<void> {
  if (own === "error") {
    const reason = "os-reset_status";
    await resetVolumeTo(dependencies, { ...on, to: "available", by: on.userId, reason });
    return;
  }
  const { engine } = dependencies;
  const { held } = findVolume(engine.state, on.id, on.scope);
  if (held === undefined && !AT_REST.has(own))
    throw new BerthError(
      "E_WRONG_STATE",
      `Invalid volume: volume ${on.id} is ${own}, which ends by itself or by what the backend answers: it cannot be said to be ${to}`,
    );
  await engine.submit("volume.hold", { ...on, as: null });
}

const AT_REST: ReadonlySet<string> = new Set(["available", "reserved", "attaching", "in-use", "detaching"]);

function wordOf(name: string, given: string | undefined, known: readonly string[]): string | null {
  if (given === undefined || given === "") return null;
  if (known.includes(given)) return given;
  throw refusal(
    `${name} cannot be reset to ${given}: it can be ${known.join(", ")}; other states pass, and each has a way on of its own`,
  );
}
