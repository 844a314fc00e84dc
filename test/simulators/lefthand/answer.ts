import type { FaultBoard } from "../kit/faults.ts";
import { type Element, textOf, xmlOf } from "./element.ts";
import { type CliqResult, DOCUMENTED } from "./results.ts";

const BANNER =
  "LeftHand OS Command Line Interface, v12.6.00.0155\n(C) Copyright 2007-2016 Hewlett Packard Enterprise Development LP\n";
const DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="no" ?>\n';

export interface Ended {
  readonly result: CliqResult;
  readonly description: string;
  readonly processingMs: number;
  readonly told: readonly Element[];
}

/** For programs. The faults that spoil only the form of an answer strike here. */
export function printXml(ended: Ended, faults: FaultBoard, verb: string): string {
  const { name, description, processingTime, result } = attributesOf(ended, faults, verb);
  const attributes: Record<string, string> = { description, name, processingTime, result };
  if (faults.take("no-result", verb) !== null) delete attributes.result;
  let told = [...ended.told];
  if (faults.take("strange-parts", verb) !== null) told = strange(told);
  const response: Element = { name: "response", attributes, children: told };
  const noResponse = faults.take("no-response", verb) !== null;
  const shuffled = faults.take("shuffled", verb) !== null;
  const parts = noResponse ? [] : [shuffled ? reversed(response) : response];
  const whole = xmlOf({ name: "gauche", attributes: { version: "1.0" }, children: parts });
  const text = `${faults.take("no-declaration", verb) === null ? DECLARATION : ""}${whole}\n`;
  return faults.take("half-answer", verb) === null ? text : text.slice(0, Math.floor(text.length / 2));
}

/** For people. */
export function printText(ended: Ended, faults: FaultBoard, verb: string): string {
  const { result, processingTime, name, description } = attributesOf(ended, faults, verb);
  const response: Element = {
    name: "response",
    attributes: { result, processingTime, name, description },
    children: [],
  };
  return `\n${BANNER}\n${[response, ...ended.told].map(textOf).join("\n\n")}\n\n`;
}

function attributesOf({ result, description, processingMs }: Ended, faults: FaultBoard, verb: string) {
  const upper = faults.take("upper-case", verb) !== null;
  return {
    result: upper ? result.code.toUpperCase() : result.code,
    processingTime: String(Math.round(processingMs)),
    name: result.name,
    description,
  };
}

/** The fault `warning` tells a success as one of the results that are neither success nor error. */
export function warned(ended: Ended, faults: FaultBoard, verb: string): Ended {
  if (ended.result.code !== "0") return ended;
  const code = faults.take("warning", verb)?.value;
  const result = Object.values(DOCUMENTED).find((one) => one.code === String(code));
  return result === undefined ? ended : { ...ended, result };
}

/** What a later release may add, and what a person may have written. */
function strange(told: readonly Element[]): Element[] {
  return told.map((element) => ({
    name: element.name,
    attributes: { friendlyName: "größe ☃ <&>", ...element.attributes, tier: "1" },
    children: [{ name: "adaptive", attributes: { optimization: "on" }, children: [] }, ...strange(element.children)],
  }));
}

function reversed({ name, attributes, children }: Element): Element {
  return {
    name,
    attributes: Object.fromEntries(Object.entries(attributes).reverse()),
    children: children.map(reversed).reverse(),
  };
}
