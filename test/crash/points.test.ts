import { fewCrashes } from "./cases.ts";
import { testCrashes } from "./crash-tests.ts";

testCrashes(fewCrashes());
