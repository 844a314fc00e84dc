/** What a measured figure should be, from the project's own promises. */
export type Aim = { readonly atLeast: number } | { readonly atMost: number };

export interface Figure {
  /** `<group>.<what>`: stable, for programs. */
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What is physically there and bounds it, measured in the same run and in the same kind of unit. */
  readonly boundedBy?: Figure;
  readonly aim?: Aim;
}

/** The figure as a part or a multiple of what bounds it; null: nothing but the processor does. */
export function ratioOf({ value, boundedBy }: Figure): number | null {
  return boundedBy === undefined ? null : value / boundedBy.value;
}

export function isMet(aim: Aim, value: number): boolean {
  return "atLeast" in aim ? value >= aim.atLeast : value <= aim.atMost;
}
