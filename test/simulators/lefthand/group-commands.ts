import type { Command } from "./command.ts";
import { clusterElement, groupElement } from "./payload.ts";

const WHOLE_DEPTH = 4;

const getClusterInfo: Command = {
  name: "getClusterInfo",
  required: [],
  optional: ["clusterName", "searchDepth", "verbose"],
  async run(group, given) {
    const name = given.optional("clusterName");
    if (name !== null) group.assertCluster(name);
    const depth = given.number("searchDepth", 1, WHOLE_DEPTH) ?? WHOLE_DEPTH;
    return [await clusterElement(group, depth, given.flag("verbose", true))];
  },
};

const getGroupInfo: Command = {
  name: "getGroupInfo",
  required: [],
  optional: ["searchDepth", "verbose"],
  run: async () => [await groupElement()],
};

export const GROUP_COMMANDS: readonly Command[] = [getClusterInfo, getGroupInfo];
