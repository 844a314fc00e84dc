import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { KeyRing, keyLine, parseKeys } from "#shared/key-ring.ts";
import { keyIdOf, SealingKey } from "#shared/sealed.ts";
import { Secret } from "#shared/secret.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";

const [one, two] = [SealingKey.generate(), SealingKey.generate()];

describe("a key file", () => {
  test("is 32 bytes, or lines of keys with remarks", () => {
    expect(parseKeys(one)).toHaveLength(1);
    const text = `# the newest first\n${keyLine(two)} # made today\n\n${keyLine(one)}\n`;
    expect(parseKeys(Buffer.from(text)).map(({ id }) => id)).toEqual([two, one].map((key) => new SealingKey(key).id));
    expect(parseKeys(Buffer.from(`${keyLine(two)},${keyLine(one)}`))).toHaveLength(2);
  });

  test.each(["", "# nothing\n", "short", `${keyLine(one)}x`, "é".repeat(43)])("that is none is refused: %j", (text) => {
    expect(() => parseKeys(Buffer.from(text))).toThrow();
  });

  test("is read again when a secret of a key comes that is not known", () => {
    const secretKeyFile = join(temporaryFolder(), "secret.key");
    writeFileSync(secretKeyFile, one);
    const agents = KeyRing.open({ secretKey: "", secretKeyFile });
    const sealed = new KeyRing(() => [new SealingKey(two)]).seal(new Secret("hidden"));
    expect(() => agents.open(sealed)).toThrow(/sealed with key .* this program has/);
    writeFileSync(secretKeyFile, `${keyLine(two)}\n${keyLine(one)}\n`);
    expect(agents.open(sealed).reveal()).toBe("hidden");
    expect(keyIdOf(agents.seal(new Secret("x")))).toBe(new SealingKey(two).id);
  });

  test("can be the environment's, and one that cannot be used is named by its setting", () => {
    expect(KeyRing.open({ secretKey: keyLine(one), secretKeyFile: "/none" }).keyIds).toEqual([new SealingKey(one).id]);
    expect(() => KeyRing.open({ secretKey: "", secretKeyFile: "/none" })).toThrow(/BERTH_SECRET_KEY_FILE/);
    expect(() => KeyRing.open({ secretKey: "short", secretKeyFile: "/none" })).toThrow(/BERTH_SECRET_KEY cannot/);
  });
});
