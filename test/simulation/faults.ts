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
  /** An agent is paused in the midst of a call, which lands much later: another has finished the job by then. */
  readonly lateCall: number;
  /** A volume or snapshot that is at rest is gone from its backend. */
  readonly loseObject: number;
}

export const NO_FAULTS: Faults = {
  loseMessage: 0,
  doubleMessage: 0,
  schedulerCrash: 0,
  agentCrash: 0,
  loseAnswer: 0,
  refuse: 0,
  lateCopy: 0,
  lateCall: 0,
  loseObject: 0,
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
  lateCall: 0.05,
  loseObject: 0.03,
};

/** As a storm, but nothing is ever done when it is over: then even space that nobody reserved is never taken. */
export const STORM_WITHOUT_STRAYS: Faults = { ...STORM, lateCopy: 0, lateCall: 0, loseObject: 0 };
