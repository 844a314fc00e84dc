/** What a tool says on stderr, and its exit code: 1 refused, 2 not understood. */
export class Refusal extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
