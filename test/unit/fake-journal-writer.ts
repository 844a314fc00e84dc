import { FakeJournal } from "#agent/drivers/fake/journal.ts";
import { volumeName } from "#agent/drivers/names.ts";

/** An agent of its own: writes so many volumes into the journal and removes all but each tenth, until it is killed. */
const [path = "", writer = "0", count = "0"] = process.argv.slice(2);
const journal = new FakeJournal(path, 2_000);
journal.open();
for (let n = 0; n < Number(count); n++) {
  const name = volumeName(`0000000${writer}-0000-4000-8000-${String(n).padStart(12, "0")}`);
  journal.put(1, name, 1, { mark: "bWFyaw", thick: false });
  if (n % 10 !== 0) journal.remove(1, name);
}
process.exit(0);
