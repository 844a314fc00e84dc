import { DriverError } from "../drivers/driver.ts";

/** Nothing was sent: the system could not be reached, or was not tried because it could not be reached a moment ago. */
export class Unreachable extends DriverError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("not-done", message, { ...options, code: "E_BACKEND_FAILED" });
    this.name = "Unreachable";
  }
}

/** It was sent, and no answer came, or none that is whole: nobody knows what was done. */
export class AnswerLost extends DriverError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("unknown", message, { ...options, code: "E_BACKEND_FAILED" });
    this.name = "AnswerLost";
  }
}

/** Nothing was sent: it does not take our credentials, or is not who it was. Trying again at once would not help. */
export class NotAdmitted extends DriverError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("not-done", message, { ...options, code: "E_BACKEND_FAILED" });
    this.name = "NotAdmitted";
  }
}
