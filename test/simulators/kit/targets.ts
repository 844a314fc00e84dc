export interface SimulatedAccount {
  readonly username: string;
  readonly secret: string;
}

/** Whom an initiator must be, and what it finds. */
export interface SimulatedTarget {
  readonly iqn: string;
  readonly units: readonly SimulatedUnit[];
  /**
   * null: no CHAP. Several: any of them will do (systems that know a secret for each initiator). Several targets may have
   * the same account; its secret is then that of the last that said it.
   */
  readonly chap: SimulatedAccount | readonly SimulatedAccount[] | null;
  /** Names of initiators; null: any. */
  readonly initiators: readonly string[] | null;
}

export interface SimulatedUnit {
  /** As initiators see it, 0 included. */
  readonly lun: number;
  /** The file that holds its bytes. */
  readonly path: string;
  readonly readOnly?: boolean;
}

/** The iSCSI portal of a simulator, with real data behind it. */
export interface SimulatorTargets {
  /** `host:port`. */
  readonly portal: string;
  /** It stands so from now on; sessions go on where they can. Repeated, and after a change, as well. */
  ensure(target: SimulatedTarget): Promise<void>;
  remove(iqn: string): Promise<void>;
  /** The file of one of its units has another size now. */
  refreshSize(iqn: string): Promise<void>;
}
