import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileSpec } from "#scheduler/core/spec-match.ts";
import type { PropertyValue } from "#shared/model/extra-specs.ts";

type Row = readonly [wanted: string, reported: PropertyValue, met: boolean];

/** The field's rules, each at its edges. */
const TABLE: readonly Row[] = [
  ["= 10", 10, true],
  ["= 10", 11, true],
  ["= 10", 9, false],
  ["== 10", "10.0", true],
  ["== 10", 11, false],
  ["!= 10", 11, true],
  ["!= 10", "10", false],
  [">= 10", " 10 ", true],
  [">= 10", 9.99, false],
  ["<= 1e3", 1000, true],
  ["<= 10", "inf", false],
  [">= 10", "infinite", false],
  ["!= 10", "unknown", false],
  ["== nan", "nan", false],
  [">= 1", true, true],
  [">= x", 10, false],
  [">=", 10, false],
  [">=10", 20, false],
  [">=10", ">=10", true],
  ["s== 10", "10", true],
  ["s== 10", 10, false],
  ["s== a b", "a", true],
  ["s!= a", "b", true],
  ["s!= a", "a", false],
  ["s!= a", true, true],
  ["s< b", "a", true],
  ["s< b", "b", false],
  ["s<= b", "b", true],
  ["s> b", "c", true],
  ["s> b", "B", false],
  ["s>= b", "b", true],
  ["s> \uFFFD", "\u{1F600}", true],
  ["<in> bc", "abcd", true],
  ["<in> bc", "acbd", false],
  ["<in> 1", 1, false],
  ["<all-in> b a", "ab", true],
  ["<all-in> a z", "ab", false],
  ["<all-in> a b", ["a", "b", "c"], true],
  ["<all-in> a b", ["a", "bc"], false],
  ["<all-in>", ["a"], false],
  ["<or> a <or> b", "b", true],
  ["<or> a <or> b", "<or>", false],
  ["<or> a", "a", true],
  ["<or> 1 <or> 2", 2, false],
  ["<or>", "", false],
  ["<is> True", true, true],
  ["<is> True", "yes", true],
  ["<is> True", 1, true],
  ["<is> True", false, false],
  ["<is> False", "what", true],
  ["<is> False", true, false],
  ["<is>", true, false],
  ["True", true, true],
  ["on", true, true],
  ["false", false, true],
  ["0", false, true],
  ["perhaps", false, false],
  ["", "", true],
  ["", false, false],
  ["Acme", "Acme", true],
  ["acme", "Acme", false],
  ["10", 10, false],
  ["=> 10", 10, false],
  ["toString 1", 1, false],
  ["b", ["a", "b"], true],
  ["s!= a", ["a", "b"], true],
  [">= 3", ["1", "2"], false],
  ["x", [], false],
];

describe("an extra spec's value", () => {
  it.each(TABLE)("%j against %j: %j", (wanted, reported, met) => {
    expect(compileSpec(wanted)(reported)).toBe(met);
  });

  it("compares numbers as numbers, however they are written", () => {
    const number = fc.integer({ min: -1000, max: 1000 });
    fc.assert(
      fc.property(number, number, fc.boolean(), (a, b, asText) => {
        const met = (operator: string): boolean => compileSpec(`${operator} ${b}`)(asText ? String(a) : a);
        expect([met("="), met(">="), met("<="), met("=="), met("!=")]).toEqual([
          a >= b,
          a >= b,
          a <= b,
          a === b,
          a !== b,
        ]);
      }),
    );
  });

  it("orders texts as one order: exactly one of less, equal and more holds", () => {
    const word = fc.stringMatching(/^[a-cA-C0-2]{1,4}$/);
    fc.assert(
      fc.property(word, word, (a, b) => {
        const met = (operator: string): boolean => compileSpec(`${operator} ${b}`)(a);
        expect([met("s<"), met("s=="), met("s>")].filter(Boolean)).toHaveLength(1);
        expect([met("s<="), met("s>="), met("s!=")]).toEqual([!met("s>"), !met("s<"), !met("s==")]);
      }),
    );
  });

  it("is met by a list if any of its elements meets it", () => {
    const words = fc.array(fc.constantFrom("a", "b", "10", "20"), { maxLength: 4 });
    const wanted = fc.constantFrom("a", "s!= a", ">= 15", "<or> a <or> 20", "<in> 0", "<is> True");
    fc.assert(
      fc.property(words, wanted, (list, spec) => {
        const test = compileSpec(spec);
        expect(test(list)).toBe(list.some((word) => test(word)));
      }),
    );
  });

  it("never throws, whatever stands there", () => {
    const anything = fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.array(fc.string()));
    fc.assert(fc.property(fc.string(), anything, (wanted, reported) => void compileSpec(wanted)(reported)));
  });
});
