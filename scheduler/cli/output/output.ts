import type { Terminal } from "../terminal.ts";
import { safeJson, safeText } from "./safe-text.ts";
import { type Paint, paintFor } from "./style.ts";
import { type Cell, type Column, renderFields, renderTable, type TableOptions } from "./table.ts";

export type OutputForm = "people" | "json" | "ids";

/** What a command has found or done, in each of the forms that can be asked for. */
export interface Result {
  /** Its fields are a promise: they may grow, they do not change. */
  readonly json: unknown;
  /** One a line with `--quiet`. */
  readonly ids: readonly (string | number)[];
  readonly text: () => string;
}

/** Results go to stdout, everything that is said about them to stderr. */
export class Output {
  readonly form: OutputForm;
  readonly #terminal: Terminal;
  readonly #noColor: boolean;

  constructor(terminal: Terminal, form: OutputForm, noColor: boolean) {
    this.#terminal = terminal;
    this.form = form;
    this.#noColor = noColor;
  }

  /** Once a command: with `--json` there is one document on stdout. */
  result({ json, ids, text }: Result): void {
    const { out } = this.#terminal;
    if (this.form === "json") out.write(`${safeJson(json)}\n`);
    else if (this.form === "people") out.write(text());
    else out.write(ids.map((id) => `${safeText(String(id))}\n`).join(""));
  }

  /** One of a row of results that come one by one: with `--json` each is a document in a line of its own. */
  line({ json, ids, text }: Result): void {
    if (this.form === "json") this.#terminal.out.write(`${safeJson(json, 0)}\n`);
    else this.result({ json, ids, text });
  }

  /** A remark for people: what to type next, or why a list is empty. */
  remark(text: string): void {
    if (this.form === "people") this.#terminal.err.write(`${this.errPaint("quiet", safeText(text))}\n`);
  }

  table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
    return renderTable(columns, rows, this.#tableOptions());
  }

  fields(fields: readonly (readonly [string, string | Cell | null])[]): string {
    return renderFields(fields, this.#tableOptions());
  }

  heading(text: string): string {
    return `${this.paint("strong", safeText(text))}\n`;
  }

  get paint(): Paint {
    return paintFor(this.#terminal.out, this.#terminal.env, this.#noColor);
  }

  get errPaint(): Paint {
    return paintFor(this.#terminal.err, this.#terminal.env, this.#noColor);
  }

  #tableOptions(): TableOptions {
    const { out } = this.#terminal;
    return { paint: this.paint, columns: out.isTerminal ? out.columns : null };
  }
}
