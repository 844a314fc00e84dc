/** A simulated storage system in a process of its own, without iSCSI: nobody reads or writes. Tells its ready line. */
import { simulatorKind } from "#test/simulators/kit/kinds.ts";
import { startSimulator } from "#test/simulators/kit/start.ts";

const [name = "", dataFolder = "", capacityGib = ""] = process.argv.slice(2);
const { ready } = await startSimulator(await simulatorKind(name), {
  dataFolder,
  capacityGib: Number(capacityGib),
  iscsi: false,
});
process.on("disconnect", () => process.exit());
process.send?.(ready);
