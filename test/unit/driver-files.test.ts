import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type CallContext, LeaseLost } from "#agent/drivers/driver.ts";
import * as files from "#agent/transport/files.ts";
import { callContext, leaseFor } from "#test/kit/driver-context.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";

describe("file operations", () => {
  test("without the lease, or past the time, none changes anything", async () => {
    const folder = temporaryFolder();
    const [path, other] = [join(folder, "a"), join(folder, "b")];
    await writeFile(path, "text");
    const operations: Record<string, (context: CallContext) => Promise<unknown>> = {
      makeFolder: (context) => files.makeFolder(context, join(folder, "new")),
      replaceText: (context) => files.replaceText(context, path, other, "changed"),
      renameDurable: (context) => files.renameDurable(context, path, other),
      removeFile: (context) => files.removeFile(context, path),
      createSparse: (context) => files.createSparse(context, other, 10),
      linkDurable: (context) => files.linkDurable(context, path, other),
      removeNow: async (context) => files.removeNow(context, path),
      appendNow: (context) => files.appendNow(context, path, 4, Buffer.from("x")),
      reflink: (context) => files.reflink(context, path, other),
      settleFile: (context) => files.settleFile(context, path),
    };
    for (const [name, operation] of Object.entries(operations)) {
      await expect(operation(callContext({ guard: leaseFor(0) })), name).rejects.toBeInstanceOf(LeaseLost);
      const late = operation(callContext({ signal: AbortSignal.abort() }));
      await expect(late, name).rejects.toMatchObject({ outcome: "unknown", code: "E_DEADLINE" });
      expect(await readdir(folder), name).toEqual(["a"]);
      expect(await readFile(path, "utf8"), name).toBe("text");
    }
  });

  test("a link takes nobody's place, and nothing is written to the end of what grew meanwhile", async () => {
    const folder = temporaryFolder();
    const [path, other] = [join(folder, "a"), join(folder, "b")];
    await writeFile(path, "text");
    await writeFile(other, "another's");
    await expect(files.linkDurable(callContext(), path, other)).rejects.toMatchObject({ code: "EEXIST" });
    await expect(files.appendNow(callContext(), other, 4, Buffer.from("x"))).rejects.toThrow("no longer");
    expect(await readFile(other, "utf8")).toBe("another's");
    await files.appendNow(callContext(), path, 4, Buffer.from("x"));
    expect(await readFile(path, "utf8")).toBe("textx");
  });

  test("missing files are told as such; a folder is never removed", async () => {
    const folder = temporaryFolder();
    const missing = join(folder, "missing");
    expect(await files.statOrNull(missing)).toBeNull();
    expect(await files.readTextOrNull(missing)).toBeNull();
    expect(await files.removeFile(callContext(), missing)).toBe(false);
    files.removeNow(callContext(), missing);
    await files.discardFile(missing);
    await mkdir(join(folder, "inner"));
    await expect(files.removeFile(callContext(), join(folder, "inner"))).rejects.toThrow();
    expect(await readdir(folder)).toEqual(["inner"]);
  });
});
