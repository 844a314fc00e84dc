/**
 * A program to be killed: commits for ever, and says each commit's number once it is acknowledged.
 * Commit n puts volume n and job n, rewrites volume 0 with n as its name, and removes job n - 1.
 */
import { writeSync } from "node:fs";
import { openSqliteLedger } from "#scheduler/ledger/sqlite.ts";
import { changeOf } from "#shared/model/records.ts";
import { jobRecord, uuid, volumeRecord } from "#test/kit/records.ts";

const ledger = await openSqliteLedger(process.argv[2] ?? "");
let { seq } = await ledger.load();
for (;;) {
  seq += 1;
  await ledger.commit(seq, [
    changeOf("volume", uuid(seq), volumeRecord({ id: uuid(seq) })),
    changeOf("job", `job-${seq}`, jobRecord({ id: `job-${seq}` })),
    changeOf("volume", uuid(0), volumeRecord({ id: uuid(0), name: String(seq) })),
    changeOf("job", `job-${seq - 1}`, null),
  ]);
  writeSync(1, `${seq}\n`);
}
