import fc from "fast-check";
import { XMLParser } from "fast-xml-parser";
import { describe, expect, it } from "vitest";
import { isEc2Request, routedUrl } from "#scheduler/api/ec2/door.ts";
import { filterBy, wildcardMatcher } from "#scheduler/api/ec2/filters.ts";
import { pageOf } from "#scheduler/api/ec2/paging.ts";
import { type Given, nested, parseForm, parsePairs } from "#scheduler/api/ec2/query.ts";
import { tagsOf, textsOf, withoutTags, withTags } from "#scheduler/api/ec2/tags.ts";
import { xmlDocument } from "#scheduler/api/ec2/xml.ts";
import { ShortIds, shortIdOf } from "#scheduler/core/short-ids.ts";

function plain(given: Given): unknown {
  return typeof given === "string"
    ? given
    : Object.fromEntries([...given].map(([name, value]) => [name, plain(value)]));
}

describe("queries", () => {
  it("are lists and objects by their names, in any order, with blanks written in either way", () => {
    const pairs = parsePairs("Filter.2.Name=a+b&Filter.1.Value.1=%C3%A9%20c&&Filter.1.Name=x&Flag&Empty=");
    expect(plain(nested(pairs))).toEqual({
      Filter: { "1": { Value: { "1": "é c" }, Name: "x" }, "2": { Name: "a b" } },
      Flag: "",
      Empty: "",
    });
  });

  it.each(["A=1&A=2", "A=1&A.1=2", "A.1=2&A=1", "A.1.B=1&A.1.B=2"])("%s says two things, hence nothing", (text) => {
    expect(() => nested(parsePairs(text))).toThrow(expect.objectContaining({ ec2Code: "InvalidParameterValue" }));
  });

  it("names that are nobody's property are names like others", () => {
    expect([...nested(parsePairs("__proto__.1=a&constructor=b")).keys()]).toEqual(["__proto__", "constructor"]);
  });

  it.each(["a=%", "a=%zz", "a=%ff"])("%s is no UTF-8", (text) => {
    expect(() => parsePairs(text)).toThrow(expect.objectContaining({ ec2Code: "MalformedQueryString" }));
  });

  it("a body must be UTF-8, and no name has parts without end", () => {
    expect(() => parseForm(Buffer.from([0x61, 0x3d, 0xff]))).toThrow(/UTF-8/);
    expect(() => nested(parsePairs(`${"A.".repeat(5000)}B=1`))).toThrow(/not recognized/);
  });

  it.each<[string, string, string | undefined, boolean]>([
    ["POST", "/", "application/x-www-form-urlencoded; charset=utf-8", true],
    ["POST", "/", undefined, true],
    ["POST", "/", "application/json", false],
    ["GET", "/", undefined, false],
    ["GET", "/?Action=DescribeVolumes", undefined, true],
    ["GET", "/?x=1&Action=DescribeVolumes", undefined, true],
    ["GET", "/?NoAction=1", undefined, false],
    ["PUT", "/services/compute", undefined, true],
    ["POST", "/services/Cloud/", undefined, true],
    ["POST", "/v3/p/volumes", "application/x-www-form-urlencoded", false],
  ])("%s %s of type %s is EC2's: %s", (method, url, type, expected) => {
    expect(isEc2Request({ method, url, headers: { "content-type": type } })).toBe(expected);
  });

  it("come to one route with their query", () => {
    expect(routedUrl({ method: "GET", url: "/?Action=X&a=%3F?", headers: {} })).toBe(
      "/services/compute?Action=X&a=%3F?",
    );
    expect(routedUrl({ method: "GET", url: "/v3/", headers: {} })).toBe("/v3/");
  });
});

function isWritable(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  return code >= 0x20 ? code !== 0xfffe && code !== 0xffff : [9, 10, 13].includes(code);
}

describe("XML", () => {
  it("has every text in it, whatever is in the text", () => {
    const parser = new XMLParser({ parseTagValue: false, trimValues: false });
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (text) => {
        const writable = [...text.toWellFormed()].map((character) => (isWritable(character) ? character : "\ufffd"));
        expect(parser.parse(xmlDocument("R", { a: text.toWellFormed() })).R.a).toBe(writable.join(""));
      }),
    );
  });

  it("leaves out what is not there, and writes empty lists and empty texts", () => {
    expect(xmlDocument("R", { a: null, b: undefined, c: "", d: [], e: [{ f: 1 }], g: { h: false } }, ' x="y"')).toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n<R x="y"><c/><d/><e><item><f>1</f></item></e><g><h>false</h></g></R>',
    );
  });
});

describe("filters", () => {
  it.each([
    ["a*c", "abbc", true],
    ["a*c", "ac", true],
    ["a*c", "acd", false],
    ["a?c", "abc", true],
    ["a?c", "ac", false],
    ["?", "😀", true],
    ["a\\*c", "a*c", true],
    ["a\\*c", "abc", false],
    ["a\\\\b", "a\\b", true],
    ["a\\b", "a\\b", true],
    ["A", "a", false],
    ["**", "", true],
    ["", "", true],
    ["", "a", false],
  ])("%s and %s: %s", (pattern, text, expected) => {
    expect(wildcardMatcher(pattern)(text)).toBe(expected);
  });

  it("match as a regular expression of the same meaning does", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 8 });
    fc.assert(
      fc.property(letters, fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 10 }), (pattern, text) => {
        const expression = new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("?", ".")}$`);
        expect(wildcardMatcher(pattern)(text)).toBe(expression.test(text));
      }),
      { numRuns: 2000 },
    );
  });

  it("one that would keep a regular expression for ever is over at once", () => {
    expect(wildcardMatcher(`${"a*".repeat(200)}b`)("a".repeat(1000))).toBe(false);
  });

  const things = [
    { size: 1, tags: { Name: "a", env: "test" } },
    { size: 2, tags: { Name: "b" } },
  ];
  const by = (...filters: { Name: string; Value?: string[] }[]) =>
    things
      .filter(
        filterBy<(typeof things)[number]>(filters, { size: ({ size }) => size, none: () => null }, ({ tags }) => ({
          ...tags,
        })),
      )
      .map(({ size }) => size);

  it("any of a filter's values, and all filters", () => {
    expect(by({ Name: "size", Value: ["1", "2"] })).toEqual([1, 2]);
    expect(by({ Name: "size", Value: ["1", "2"] }, { Name: "tag:Name", Value: ["b"] })).toEqual([2]);
    expect(by({ Name: "tag-key", Value: ["en*"] })).toEqual([1]);
    expect(by({ Name: "tag:env", Value: ["*"] })).toEqual([1]);
    expect(by({ Name: "none", Value: ["*"] })).toEqual([]);
    expect(by()).toEqual([1, 2]);
  });

  it.each(["colour", "toString", "constructor", "tag"])("%s is no filter", (name) => {
    expect(() => by({ Name: name, Value: ["x"] })).toThrow(`The filter '${name}' is invalid`);
  });

  it("without values, or with too many, it is refused", () => {
    expect(() => by({ Name: "size" })).toThrow(/no values/);
    expect(() => by({ Name: "size", Value: Array.from({ length: 201 }, String) })).toThrow(/at most 200/);
  });
});

describe("pages", () => {
  const things = fc.uniqueArray(fc.record({ atMs: fc.integer({ min: 0, max: 5 }), id: fc.uuid() }), {
    selector: ({ id }) => id,
    maxLength: 40,
  });
  const placeOf = ({ atMs, id }: { atMs: number; id: string }) => [atMs, id] as const;

  it("are all there is, each once, oldest first", () => {
    fc.assert(
      fc.property(things, fc.integer({ min: 5, max: 12 }), (all, MaxResults) => {
        const seen: string[] = [];
        let NextToken: string | undefined;
        do {
          const page = pageOf(all, { MaxResults, ...(NextToken === undefined ? {} : { NextToken }) }, placeOf);
          expect(page.items.length).toBeLessThanOrEqual(MaxResults);
          seen.push(...page.items.map(({ id }) => id));
          NextToken = page.nextToken ?? undefined;
        } while (NextToken !== undefined);
        const expected = [...all].sort((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1));
        expect(seen).toEqual(expected.map(({ id }) => id));
      }),
    );
  });

  it("go on where they were when what stood there is deleted meanwhile", () => {
    const all = Array.from({ length: 12 }, (_, n) => ({ atMs: n, id: `v${n}` }));
    const first = pageOf(all, { MaxResults: 5 }, placeOf);
    const left = all.filter(({ atMs }) => atMs !== 4 && atMs !== 7);
    const next = pageOf(left, { MaxResults: 5, NextToken: first.nextToken ?? "" }, placeOf);
    expect(next.items.map(({ id }) => id)).toEqual(["v5", "v6", "v8", "v9", "v10"]);
  });

  it.each(["x", "bnVsbA", Buffer.from('["a",1]').toString("base64url")])("%s is no token of ours", (NextToken) => {
    expect(() => pageOf([], { NextToken }, placeOf)).toThrow(/NextToken/);
  });
});

describe("tags", () => {
  it("are the metadata, and Name is the name", () => {
    expect(tagsOf({ name: "data", metadata: { env: "test" } })).toEqual({ env: "test", Name: "data" });
    expect(textsOf({ Name: "data", env: "test" })).toEqual({ name: "data", metadata: { env: "test" } });
    expect(textsOf({ env: "test" })).toEqual({ name: "", metadata: { env: "test" } });
  });

  it.each(["", "two\nlines", "x".repeat(256)])("a Name that can be no name (%j) is a tag all the same", (Name) => {
    const texts = textsOf({ Name });
    expect(texts.name).toBe("");
    expect(tagsOf(texts)).toEqual({ Name });
  });

  it("come and go one by one", () => {
    const before = { a: "1", b: "2" };
    expect(withTags(before, [{ Key: "b", Value: "3" }, { Key: "c" }])).toEqual({ a: "1", b: "3", c: "" });
    expect(withoutTags(before, [{ Key: "a" }, { Key: "b", Value: "other" }])).toEqual({ b: "2" });
    expect(withoutTags({ a: "" }, [{ Key: "a", Value: "" }])).toEqual({});
    expect(withoutTags(before, undefined)).toEqual({});
  });

  it.each([
    [[{ Key: "aws:x", Value: "" }], "InvalidParameterValue"],
    [[{ Key: "AWS:x", Value: "" }], "InvalidParameterValue"],
    [[{ Key: "", Value: "" }], "InvalidParameterValue"],
    [[{ Key: "k".repeat(129), Value: "" }], "InvalidParameterValue"],
    [[{ Key: "k", Value: "v".repeat(257) }], "InvalidParameterValue"],
    [[{ Key: "k" }, { Key: "k" }], "InvalidParameterValue"],
    [[{ Key: "line\nbreak" }], "InvalidParameterValue"],
    [Array.from({ length: 51 }, (_, n) => ({ Key: `k${n}` })), "TagLimitExceeded"],
  ])("%j is refused", (given, ec2Code) => {
    expect(() => withTags({}, given)).toThrow(expect.objectContaining({ ec2Code }));
  });

  it("50 are not too many, and who has more by another API may change one", () => {
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`k${n}`, ""]));
    expect(
      Object.keys(
        withTags(
          {},
          Array.from({ length: 50 }, (_, n) => ({ Key: `k${n}` })),
        ),
      ),
    ).toHaveLength(50);
    expect(withTags(many, [{ Key: "k0", Value: "x" }]).k0).toBe("x");
    expect(() => withTags(many, [{ Key: "new" }])).toThrow(/maximum number/);
  });
});

describe("short ids", () => {
  it("are 17 digits of the UUID, all of them random in version 4", () => {
    expect(shortIdOf("00000000-0000-4abc-8def-0123456789ab")).toBe("bcdef0123456789ab");
  });

  it("are found while what has them is there; two that are the same are both found", () => {
    const ids = new ShortIds();
    const [one, other] = ["00000000-0000-4000-8000-000000000001", "ffffffff-0000-4000-8000-000000000001"];
    ids.add(one);
    ids.add(one);
    expect(ids.find(shortIdOf(one))).toEqual([one]);
    ids.add(other);
    expect(ids.find(shortIdOf(one))).toEqual([one, other]);
    ids.remove(one);
    expect(ids.find(shortIdOf(one))).toEqual([other]);
    ids.remove(other);
    expect(ids.find(shortIdOf(one))).toEqual([]);
  });
});
