import { allCrashes } from "./cases.ts";
import { testCrashes } from "./crash-tests.ts";

testCrashes(allCrashes());
