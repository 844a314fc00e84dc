import { inspect } from "node:util";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { SealingKey } from "#shared/sealed.ts";
import { Secret } from "#shared/secret.ts";

const PLAIN = "canary-4711";

describe("a secret", () => {
  it("is printed by nothing", () => {
    const secret = new Secret(PLAIN);
    const lines: string[] = [];
    const log = pino({}, { write: (line: string) => void lines.push(line) });
    log.info({ secret, nested: { secret } }, `it is ${secret}`);
    const printed = [
      String(secret),
      JSON.stringify({ secret }),
      inspect({ secret }, { depth: 9 }),
      `${secret}`,
      ...lines,
    ];
    for (const text of printed) expect(text).not.toContain(PLAIN);
    expect(secret.reveal()).toBe(PLAIN);
  });

  it("is opened only with the key that sealed it, and only whole", () => {
    const key = new SealingKey(SealingKey.generate());
    const sealed = key.seal(new Secret(PLAIN));
    expect(sealed).not.toContain(PLAIN);
    expect(key.seal(new Secret(PLAIN))).not.toBe(sealed);
    expect(key.open(sealed).reveal()).toBe(PLAIN);
    expect(() => new SealingKey(SealingKey.generate()).open(sealed)).toThrow(/sealed with key/);
    const parts = sealed.split(".");
    const tampered = [...parts.slice(0, 4), Buffer.from("x".repeat(PLAIN.length)).toString("base64url")].join(".");
    expect(() => key.open(tampered)).toThrow();
  });
});
