/** One step of a form of data to the next version. Pure: the same old value always gives the same new one. */
export interface Migration<T> {
  readonly from: number;
  /** What it changes, as a sentence's end for the log: "quotas were added". */
  readonly changes: string;
  readonly step: (old: T) => T;
}

export interface Upgraded<T> {
  readonly value: T;
  /** What each step changed, oldest first; empty: the value was of the newest version already. */
  readonly changes: readonly string[];
}

/** Takes a value of version `from` through all steps that follow it. */
export function upgrade<T>(value: T, from: number, migrations: readonly Migration<T>[]): Upgraded<T> {
  const steps = migrations.filter((migration) => migration.from >= from);
  return {
    value: steps.reduce((old, { step }) => step(old), value),
    changes: steps.map(({ changes }) => changes),
  };
}
