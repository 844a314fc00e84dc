import type { Arguments } from "./arguments.ts";
import { type Command, NOTHING_TO_TELL } from "./command.ts";
import type { Group } from "./group.ts";
import { CliqFailure } from "./results.ts";
import type { Permission, Stored } from "./state.ts";

const ACCESS = ["rw", "r", "w"] as const;
/** Where IPsec does not protect it, CHAP asks for 96 bits. */
const MIN_SECRET = 12;

/** One manual calls it so, the other so. */
const ACCESS_NAMES = ["access", "accessRights"];

export function accessOf(given: Arguments): Permission["access"] {
  const name = ACCESS_NAMES.find((one) => given.optional(one) !== null) ?? "access";
  return given.oneOf(name, ACCESS, "rw");
}

export function assertSecret(name: string, secret: string): void {
  if (secret.length < MIN_SECRET)
    throw new CliqFailure("chapSecret", `The ${name} must have at least ${MIN_SECRET} characters.`);
}

/** Instead of all that was assigned before but to servers. */
async function assign(group: Group, stored: Stored, permissions: readonly Omit<Permission, "id">[]): Promise<void> {
  const kept = stored.permissions.filter(({ serverId }) => serverId !== null);
  stored.permissions = [...kept, ...permissions.map((permission) => ({ ...permission, id: group.nextId() }))];
  await group.portal.follow(stored);
}

const WITHOUT_CHAP = { chapName: "", chapRequired: false, targetSecret: "", initiatorSecret: "", serverId: null };

const assignVolume: Command = {
  name: "assignVolume",
  required: ["volumeName", "initiator"],
  optional: ACCESS_NAMES,
  listed: ["volumename"],
  run: (group, given) =>
    group.change(async () => {
      const stored = group.assignable(given.text("volumeName"));
      const access = accessOf(given);
      const permissions = given.list("initiator").map((iqn) => ({
        ...WITHOUT_CHAP,
        authGroup: group.state.servers.find(({ initiator }) => initiator === iqn)?.name ?? groupNameOf(iqn),
        iqn,
        access,
      }));
      await assign(group, stored, permissions);
      return NOTHING_TO_TELL;
    }),
};

const assignVolumeChap: Command = {
  name: "assignVolumeChap",
  required: ["volumeName", "chapName", "targetSecret"],
  optional: ["initiatorSecret", ...ACCESS_NAMES],
  listed: ["volumename"],
  run: (group, given) =>
    group.change(async () => {
      const stored = group.assignable(given.text("volumeName"));
      const chapName = given.text("chapName");
      const targetSecret = given.text("targetSecret");
      assertSecret("target secret", targetSecret);
      const initiatorSecret = given.optional("initiatorSecret") ?? "";
      if (initiatorSecret !== "") assertSecret("initiator secret", initiatorSecret);
      if (initiatorSecret === targetSecret)
        throw new CliqFailure("chapSecret", "The initiator secret must differ from the target secret.");
      const who = { authGroup: groupNameOf(chapName), access: accessOf(given), iqn: "", serverId: null };
      await assign(group, stored, [{ ...who, chapName, chapRequired: true, targetSecret, initiatorSecret }]);
      return NOTHING_TO_TELL;
    }),
};

const unassignVolume: Command = {
  name: "unassignVolume",
  required: ["volumeName"],
  optional: ["initiator"],
  listed: ["volumename"],
  run: (group, given) =>
    group.change(async () => {
      const stored = group.assignable(given.text("volumeName"));
      const initiators = given.optional("initiator") === null ? null : given.list("initiator");
      const leaving = stored.permissions.filter(({ iqn }) => initiators === null || initiators.includes(iqn));
      if (leaving.length === 0) throw new CliqFailure("nothingDone", "Operation has succeeded, but nothing was done.");
      stored.permissions = stored.permissions.filter((permission) => !leaving.includes(permission));
      await group.portal.follow(stored);
      return NOTHING_TO_TELL;
    }),
};

export const ACCESS_COMMANDS: readonly Command[] = [assignVolume, assignVolumeChap, unassignVolume];

/** The group that the system makes for what is assigned without a server of its own. */
function groupNameOf(word: string): string {
  return `api-${Buffer.from(word).toString("hex").toUpperCase().slice(0, 48)}`;
}
