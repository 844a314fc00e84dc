import { resolve } from "node:path";
import { allCrashes } from "./cases.ts";
import { testCrashes } from "./crash-tests.ts";

const REPORT_FILE = resolve(import.meta.dirname, "../../.berth/crash-report.md");

testCrashes(allCrashes(), { embedded: 3, nats: 2 }, process.env.BERTH_CRASH_REPORT ?? REPORT_FILE);
