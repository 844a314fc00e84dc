import { command, respelled } from "../command.ts";
import { backendAdd, backendList, backendRemove } from "./backend.ts";
import { flavorCreate, flavorDelete, flavorList } from "./flavor.ts";

/** `nova-manage sm`: other words for the same commands. */
export const commands = [
  command(
    respelled(flavorCreate, {
      usage: "flavor_create <name> [description]",
      examples: [['sm flavor_create gold "Not all that glitters"', "= berth flavor create"]],
    }),
  ),
  command(
    respelled(flavorDelete, {
      usage: "flavor_delete <name>",
      examples: [["sm flavor_delete gold", "= berth flavor delete"]],
    }),
  ),
  command(respelled(flavorList, { usage: "flavor_list", examples: [["sm flavor_list", "= berth flavor list"]] })),
  command(
    respelled(backendAdd, {
      usage: "backend_add <flavor> <type> [parameters..]",
      examples: [
        [
          "sm backend_add gold nfs name_label=toybox server=myserver serverpath=/local/scratch/me",
          "= berth backend add",
        ],
      ],
    }),
  ),
  command(respelled(backendList, { usage: "backend_list", examples: [["sm backend_list", "= berth backend list"]] })),
  command(
    respelled(backendRemove, {
      usage: "backend_remove <id>",
      examples: [["sm backend_remove 1", "= berth backend remove"]],
    }),
  ),
  command(
    respelled(backendRemove, {
      usage: "backend_delete <id>",
      examples: [["sm backend_delete 1", "= berth backend remove"]],
    }),
  ),
];
