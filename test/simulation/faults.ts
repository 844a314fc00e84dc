/** Chances, each time that something of the kind happens. */
export interface Faults {
  readonly loseMessage: number;
  readonly doubleMessage: number;
  readonly schedulerCrash: number;
  readonly agentCrash: number;
  /** The backend did it, and its answer is lost. */
  readonly loseAnswer: number;
  /** The backend refuses a create, and half the time has made something all the same. */
  readonly refuse: number;
  /** A copy of a job's message reaches the queue much later, when the job may be over. */
  readonly lateCopy: number;
}

export const NO_FAULTS: Faults = {
  loseMessage: 0,
  doubleMessage: 0,
  schedulerCrash: 0,
  agentCrash: 0,
  loseAnswer: 0,
  refuse: 0,
  lateCopy: 0,
};

/** Everything goes wrong, often. */
export const STORM: Faults = {
  loseMessage: 0.1,
  doubleMessage: 0.1,
  schedulerCrash: 0.03,
  agentCrash: 0.08,
  loseAnswer: 0.1,
  refuse: 0.1,
  lateCopy: 0.05,
};

/** As a storm, but no job ever runs when it is over: then even space that nobody reserved is never taken. */
export const STORM_WITHOUT_STRAYS: Faults = { ...STORM, lateCopy: 0 };
