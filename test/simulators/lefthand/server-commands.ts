import { accessOf, assertSecret } from "./access-commands.ts";
import { type Command, NOTHING_TO_TELL } from "./command.ts";
import { serverElement } from "./payload.ts";
import { CliqFailure } from "./results.ts";
import type { SimulatedServer } from "./state.ts";

const CHAP_PARAMETERS = ["chapName", "targetSecret", "initiatorSecret", "chapRequired"];

const createServer: Command = {
  name: "createServer",
  required: ["serverName", "initiator"],
  optional: ["description", ...CHAP_PARAMETERS],
  run: (group, given) =>
    group.change(async () => {
      const { servers } = group.state;
      const name = given.text("serverName");
      const initiator = given.text("initiator");
      if (servers.some((one) => one.name === name))
        throw new CliqFailure("alreadyExists", `A server with the name '${name}' already exists.`);
      const holder = servers.find((one) => one.initiator === initiator);
      if (holder !== undefined)
        throw new CliqFailure("initiatorTaken", `The initiator '${initiator}' is used by server '${holder.name}'.`);
      const targetSecret = given.optional("targetSecret") ?? "";
      if (targetSecret !== "") assertSecret("target secret", targetSecret);
      const server: SimulatedServer = {
        id: group.nextId(),
        name,
        initiator,
        description: given.optional("description") ?? "",
        chapName: given.optional("chapName") ?? "",
        chapRequired: given.flag("chapRequired", targetSecret !== ""),
        targetSecret,
        initiatorSecret: given.optional("initiatorSecret") ?? "",
      };
      group.assertDescription(server.description);
      servers.push(server);
      return NOTHING_TO_TELL;
    }),
};

const getServerInfo: Command = {
  name: "getServerInfo",
  required: [],
  optional: ["serverName", "verbose"],
  listed: ["servername"],
  async run(group, given) {
    const name = given.optional("serverName");
    if (name !== null) return [serverElement(group.server(name))];
    if (group.state.servers.length === 0) throw new CliqFailure("nothingFound", "Operation found no objects.");
    return group.state.servers.map(serverElement);
  },
};

const deleteServer: Command = {
  name: "deleteServer",
  required: ["serverName"],
  optional: ["prompt"],
  listed: ["servername"],
  asks: true,
  run: (group, given) =>
    group.change(async () => {
      const { id } = group.server(given.text("serverName"));
      for (const stored of [...group.state.volumes, ...group.state.snapshots]) {
        if (!stored.permissions.some(({ serverId }) => serverId === id)) continue;
        stored.permissions = stored.permissions.filter(({ serverId }) => serverId !== id);
        await group.portal.follow(stored);
      }
      group.state.servers = group.state.servers.filter((one) => one.id !== id);
      return NOTHING_TO_TELL;
    }),
};

/** One more may come in; the others stay. */
const assignVolumeToServer: Command = {
  name: "assignVolumeToServer",
  required: ["volumeName", "serverName"],
  optional: ["access", "accessRights"],
  listed: ["volumename", "servername"],
  run: (group, given) =>
    group.change(async () => {
      const stored = group.assignable(given.text("volumeName"));
      const server = group.server(given.text("serverName"));
      const others = stored.permissions.filter(({ serverId }) => serverId !== server.id);
      if (others.length < stored.permissions.length && group.faults.take("refuse-assigned", "assignVolumeToServer"))
        throw new CliqFailure("alreadyExists", `Volume '${stored.name}' is already assigned to '${server.name}'.`);
      const { id: serverId, name: authGroup, initiator: iqn, chapName, chapRequired } = server;
      const { targetSecret, initiatorSecret } = server;
      const chap = { chapName, chapRequired, targetSecret, initiatorSecret };
      stored.permissions = [
        ...others,
        { id: group.nextId(), authGroup, access: accessOf(given), iqn, ...chap, serverId },
      ];
      await group.portal.follow(stored);
      return NOTHING_TO_TELL;
    }),
};

const unassignVolumeToServer: Command = {
  name: "unassignVolumeToServer",
  required: ["volumeName", "serverName"],
  optional: [],
  listed: ["volumename", "servername"],
  run: (group, given) =>
    group.change(async () => {
      const stored = group.assignable(given.text("volumeName"));
      const { id } = group.server(given.text("serverName"));
      const staying = stored.permissions.filter(({ serverId }) => serverId !== id);
      if (staying.length === stored.permissions.length)
        throw new CliqFailure("nothingDone", "Operation has succeeded, but nothing was done.");
      stored.permissions = staying;
      await group.portal.follow(stored);
      return NOTHING_TO_TELL;
    }),
};

export const SERVER_COMMANDS: readonly Command[] = [
  createServer,
  getServerInfo,
  deleteServer,
  assignVolumeToServer,
  unassignVolumeToServer,
];
