import type { Cluster } from "../cluster.ts";
import { ElementError, exceeded, invalid } from "../element-error.ts";
import type { AccessGroup } from "../state.ts";
import { accessGroupView } from "../views.ts";
import { attributesOf, type Methods, pageFrom } from "./method.ts";

export const accessGroupMethods: Methods = {
  CreateVolumeAccessGroup: {
    since: "5.0",
    async run(cluster, parameters) {
      const { state, options } = cluster;
      if (state.accessGroups.length >= options.limits.volumeAccessGroupCountMax)
        throw exceeded("The number of volume access groups has reached its limit.");
      const group: AccessGroup = {
        id: 0,
        name: parameters.name("name"),
        initiators: [],
        volumeIds: [],
        attributes: attributesOf(parameters) ?? {},
      };
      addInitiators(cluster, group, parameters.optionalTexts("initiators") ?? []);
      addVolumes(cluster, group, parameters.optionalIds("volumes") ?? []);
      group.id = cluster.nextId("accessGroup");
      state.accessGroups.push(group);
      return await told(cluster, group);
    },
  },
  ModifyVolumeAccessGroup: {
    since: "5.0",
    async run(cluster, parameters) {
      const group = cluster.accessGroup(parameters.id("volumeAccessGroupID"));
      const before = [...group.volumeIds];
      if (parameters.has("name")) group.name = parameters.name("name");
      group.attributes = attributesOf(parameters) ?? group.attributes;
      const initiators = parameters.optionalTexts("initiators");
      const volumes = parameters.optionalIds("volumes");
      if (initiators !== null) {
        group.initiators = group.initiators.filter(({ name }) => initiators.includes(name));
        addInitiators(
          cluster,
          group,
          initiators.filter((name) => !has(group, name)),
        );
      }
      if (volumes !== null) {
        group.volumeIds = group.volumeIds.filter((id) => volumes.includes(id));
        addVolumes(
          cluster,
          group,
          volumes.filter((id) => !group.volumeIds.includes(id)),
        );
      }
      return await told(cluster, group, before);
    },
  },
  DeleteVolumeAccessGroup: {
    since: "5.0",
    async run(cluster, parameters) {
      const group = cluster.accessGroup(parameters.id("volumeAccessGroupID"));
      cluster.state.accessGroups = cluster.state.accessGroups.filter((one) => one !== group);
      await exportAll(cluster, group.volumeIds);
      return {};
    },
  },
  ListVolumeAccessGroups: {
    since: "5.0",
    run: (cluster, parameters) => ({
      volumeAccessGroups: pageFrom(cluster.state.accessGroups, parameters, "startVolumeAccessGroupID").map((group) =>
        accessGroupView(cluster, group),
      ),
      volumeAccessGroupsNotFound: [],
    }),
  },
  AddInitiatorsToVolumeAccessGroup: {
    since: "5.0",
    async run(cluster, parameters) {
      const group = cluster.accessGroup(parameters.id("volumeAccessGroupID"));
      addInitiators(cluster, group, parameters.optionalTexts("initiators") ?? []);
      return await told(cluster, group);
    },
  },
  RemoveInitiatorsFromVolumeAccessGroup: {
    since: "5.0",
    async run(cluster, parameters) {
      const group = cluster.accessGroup(parameters.id("volumeAccessGroupID"));
      for (const name of parameters.optionalTexts("initiators") ?? []) {
        if (!has(group, name)) throw new ElementError("xInitiatorDoesNotExist", `Initiator ${name} does not exist.`);
        group.initiators = group.initiators.filter((one) => one.name !== name);
      }
      return await told(cluster, group);
    },
  },
  AddVolumesToVolumeAccessGroup: {
    since: "5.0",
    async run(cluster, parameters) {
      const group = cluster.accessGroup(parameters.id("volumeAccessGroupID"));
      addVolumes(cluster, group, parameters.ids("volumes"));
      return await told(cluster, group);
    },
  },
  RemoveVolumesFromVolumeAccessGroup: {
    since: "5.0",
    async run(cluster, parameters) {
      const group = cluster.accessGroup(parameters.id("volumeAccessGroupID"));
      const before = [...group.volumeIds];
      for (const id of parameters.ids("volumes"))
        if (!group.volumeIds.includes(id))
          throw new ElementError("xNotInVolumeAccessGroup", `VolumeID ${id} is not in the volume access group.`);
      const leaving = new Set(parameters.ids("volumes"));
      group.volumeIds = group.volumeIds.filter((id) => !leaving.has(id));
      return await told(cluster, group, before);
    },
  },
};

async function told(cluster: Cluster, group: AccessGroup, alsoIds: readonly number[] = []) {
  await exportAll(cluster, [...group.volumeIds, ...alsoIds]);
  return { volumeAccessGroupID: group.id, volumeAccessGroup: accessGroupView(cluster, group) };
}

async function exportAll(cluster: Cluster, ids: readonly number[]): Promise<void> {
  const changed = new Set(ids);
  for (const volume of cluster.state.volumes) if (changed.has(volume.id)) await cluster.exportVolume(volume);
}

function has({ initiators }: AccessGroup, name: string): boolean {
  return initiators.some((one) => one.name === name);
}

/** An initiator is in one group at most. */
function addInitiators(cluster: Cluster, group: AccessGroup, names: readonly string[]): void {
  const { state, options } = cluster;
  for (const name of names) {
    if (!/^(iqn|eui|naa)\.|^([0-9a-f]{2}:){7}[0-9a-f]{2}$/i.test(name)) throw invalid(`${name} is no initiator`);
    if (has(group, name))
      throw new ElementError("xAlreadyInVolumeAccessGroup", `Initiator ${name} is already in the volume access group.`);
    if (state.accessGroups.some((other) => other !== group && has(other, name)))
      throw exceeded(`Exceeded maximum number of volume access groups for initiator ${name}.`);
    if (group.initiators.length >= options.limits.initiatorsPerVolumeAccessGroupCountMax)
      throw exceeded("The volume access group has as many initiators as it may.");
    group.initiators.push({ id: cluster.nextId("initiator"), name });
  }
}

function addVolumes(cluster: Cluster, group: AccessGroup, ids: readonly number[]): void {
  const { state, options } = cluster;
  for (const id of ids) {
    cluster.volume(id);
    if (group.volumeIds.includes(id))
      throw new ElementError("xAlreadyInVolumeAccessGroup", `VolumeID ${id} is already in the volume access group.`);
    const groups = state.accessGroups.filter(({ volumeIds }) => volumeIds.includes(id)).length;
    if (groups >= options.limits.volumeAccessGroupsPerVolumeCountMax)
      throw exceeded(`VolumeID ${id} is in as many volume access groups as it may be.`);
    if (group.volumeIds.length >= options.limits.volumesPerVolumeAccessGroupCountMax)
      throw exceeded("The volume access group has as many volumes as it may.");
    group.volumeIds.push(id);
  }
}
