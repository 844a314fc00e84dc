import type { Secret } from "#shared/secret.ts";

/** With what we show who we are: one of the two, or both. */
export interface Login {
  readonly login: string;
  readonly password: Secret | null;
  readonly privateKey: Secret | null;
}

/** The login of one backend: read once, and anew when it was refused, for somebody may have changed it. */
export class Credentials {
  readonly #read: () => Promise<Login>;
  #known: Promise<Login> | null = null;

  constructor(read: () => Promise<Login>) {
    this.#read = read;
  }

  async current(): Promise<Login> {
    this.#known ??= this.#read();
    try {
      return await this.#known;
    } catch (error) {
      this.#known = null;
      throw error;
    }
  }

  /** What to try in place of what was refused; null: nothing else is known. */
  async insteadOf(refused: Login): Promise<Login | null> {
    this.#known = null;
    const found = await this.current();
    return isSame(found, refused) ? null : found;
  }
}

function isSame(one: Login, other: Login): boolean {
  return (
    one.login === other.login &&
    one.password?.reveal() === other.password?.reveal() &&
    one.privateKey?.reveal() === other.privateKey?.reveal()
  );
}
