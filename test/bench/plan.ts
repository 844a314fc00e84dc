/** How much is measured. Figures that depend on an amount carry it in their names. */
export interface Plan {
  readonly windowMs: number;
  readonly warmUpMs: number;
  /** Of the raw figures and of placing, each. */
  readonly shortWindowMs: number;
  readonly clients: number;
  readonly fewVolumes: number;
  readonly manyVolumes: number;
  readonly listings: number;
  /** Of a list, and of a single object. */
  readonly listRequests: number;
  readonly requests: number;
  readonly starts: number;
  /** Of each kind. */
  readonly outages: number;
  /** Of the image that is copied; half of it is holes. */
  readonly copyMib: number;
}

export const FULL: Plan = {
  windowMs: 8000,
  warmUpMs: 3000,
  shortWindowMs: 1500,
  clients: 32,
  fewVolumes: 10_000,
  manyVolumes: 100_000,
  listings: 20,
  listRequests: 400,
  requests: 20_000,
  starts: 3,
  outages: 10,
  copyMib: 1024,
};

/** Seconds in place of minutes: shows that everything runs, and little more. */
export const QUICK: Plan = {
  windowMs: 1000,
  warmUpMs: 500,
  shortWindowMs: 100,
  clients: 32,
  fewVolumes: 2000,
  manyVolumes: 5000,
  listings: 5,
  listRequests: 40,
  requests: 1000,
  starts: 1,
  outages: 1,
  copyMib: 128,
};

/** What a group is handed: its amounts, where to write, and where its figures go. */
export interface Run {
  readonly plan: Plan;
  /** A folder of its own on the disk that `npm start` uses; removed at the end. */
  readonly folder: string;
  /** Says what is being done now, for people who wait. */
  say(text: string): void;
}
