import { DisplayName, Metadata } from "#shared/model/names.ts";
import { parser } from "#shared/schema.ts";
import type { ObjectTexts } from "../../core/commands.ts";
import { Ec2Refusal } from "./refusal.ts";
import type { XmlFields } from "./xml.ts";

export type Tags = Readonly<Record<string, string>>;

/** What has tags: they are its metadata, but for `Name`, which is its name. */
export interface Tagged {
  readonly name: string;
  readonly metadata: Tags;
}

interface GivenTag {
  readonly Key: string;
  readonly Value?: string;
}

interface TagSpecification {
  readonly ResourceType: string;
  readonly Tag?: readonly GivenTag[];
}

const NAME = "Name";
const MAX_TAGS = 50;
const MAX_KEY = 128;
const MAX_VALUE = 256;
const names = parser(DisplayName);
const metadatas = parser(Metadata);

export function tagsOf({ name, metadata }: Tagged): Tags {
  return name === "" ? metadata : { ...metadata, [NAME]: name };
}

export function tagSet(thing: Tagged): XmlFields[] {
  return Object.entries(tagsOf(thing)).map(([key, value]) => ({ key, value }));
}

/** A name that cannot be one here (it is empty, or has a line break in it) is a tag and no more. */
export function textsOf(tags: Tags): Required<Pick<ObjectTexts, "name" | "metadata">> {
  const { [NAME]: name = "", ...others } = tags;
  if (!Object.hasOwn(tags, NAME)) return { name: "", metadata: tags };
  return name !== "" && names.check(name) ? { name, metadata: others } : { name: "", metadata: tags };
}

/** Throws InvalidParameterValue, TagLimitExceeded. */
export function withTags(before: Tags, given: readonly GivenTag[]): Tags {
  const after = { ...before, ...readTags(given) };
  if (Object.keys(after).length > MAX_TAGS && Object.keys(after).length > Object.keys(before).length)
    throw new Ec2Refusal("TagLimitExceeded", `The maximum number of Tags for a resource has been reached: ${MAX_TAGS}`);
  return after;
}

/** Without a list all of them go; one with a value goes only if it has that one. */
export function withoutTags(before: Tags, given: readonly GivenTag[] | undefined): Tags {
  if (given === undefined || given.length === 0) return {};
  for (const { Key: key } of given) refuseReserved(key);
  const goes = (key: string, value: string): boolean =>
    given.some((tag) => tag.Key === key && (tag.Value === undefined || tag.Value === value));
  return Object.fromEntries(Object.entries(before).filter(([key, value]) => !goes(key, value)));
}

/** The tags that a request gives what it makes. */
export function specifiedTags(given: readonly TagSpecification[] | undefined, resourceType: string): Tags {
  for (const { ResourceType } of given ?? [])
    if (ResourceType !== resourceType)
      throw new Ec2Refusal(
        "InvalidParameterValue",
        `'${ResourceType.slice(0, 60)}' is not a valid taggable resource type for this operation.`,
      );
  return withTags(
    {},
    (given ?? []).flatMap(({ Tag = [] }) => Tag),
  );
}

function readTags(given: readonly GivenTag[]): Tags {
  const tags: [string, string][] = given.map(({ Key, Value = "" }) => [Key, Value]);
  for (const [key, value] of tags) {
    refuseReserved(key);
    if (key === "") throw new Ec2Refusal("InvalidParameterValue", "Tag keys must not be empty");
    if (key.length > MAX_KEY || value.length > MAX_VALUE)
      throw new Ec2Refusal(
        "InvalidParameterValue",
        `Tag keys have at most ${MAX_KEY} characters, and values ${MAX_VALUE}: '${key.slice(0, 60)}' has more`,
      );
    if (tags.filter(([other]) => other === key).length > 1)
      throw new Ec2Refusal("InvalidParameterValue", `Duplicate tag key '${key.slice(0, 60)}' specified.`);
  }
  const read = Object.fromEntries(tags);
  if (metadatas.check(read)) return read;
  throw new Ec2Refusal("InvalidParameterValue", "A tag key has a control character in it");
}

function refuseReserved(key: string): void {
  if (/^aws:/i.test(key))
    throw new Ec2Refusal("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use");
}
