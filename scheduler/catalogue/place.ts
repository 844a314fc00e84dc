export interface PlaceWatch {
  /** How often to look. */
  readonly intervalMs: number;
  /** Called when the text may have changed, and at each interval while `restless` says so. */
  readonly look: () => void;
  readonly restless: () => boolean;
}

/** Where the catalogue's text is kept: a file, or a value that several schedulers share. */
export interface TextPlace {
  /** As faults name it. */
  readonly name: string;
  /** null: there is none. Throws E_CATALOGUE_FILE. */
  read(): Promise<string | null>;
  /** Durable when it resolves. Throws E_CATALOGUE_CHANGED where the place itself can tell, E_CATALOGUE_FILE. */
  write(text: string, isNew: boolean): Promise<void>;
  watch(watch: PlaceWatch): { close(): void };
}
