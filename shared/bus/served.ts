/** Something that listens, until it is told to stop. */
export interface Served {
  stop(): Promise<void>;
}
