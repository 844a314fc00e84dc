import { fewCrashes } from "./cases.ts";
import { testCrashes } from "./crash-tests.ts";

testCrashes(fewCrashes(), { embedded: 2, nats: 1 });
