import type { Backend, Catalogue, Flavor, Zone } from "#shared/model/catalogue.ts";
import type { Ec2Key } from "#shared/model/ec2.ts";
import { FlavorTerms, termsOf } from "./flavor-terms.ts";

/** The running catalogue with what is looked up often. Immutable: a changed catalogue is a new one. */
export class CatalogueIndex {
  readonly catalogue: Catalogue;
  readonly #backends: ReadonlyMap<number, Backend>;
  readonly #flavorsById: ReadonlyMap<string, Flavor>;
  readonly #flavorsByName: ReadonlyMap<string, Flavor>;
  readonly #zones: ReadonlyMap<string, Zone>;
  readonly #ec2Keys: ReadonlyMap<string, Ec2Key>;
  readonly #terms = new Map<string, FlavorTerms>();
  readonly #candidates = new Map<string, readonly Backend[]>();

  constructor(catalogue: Catalogue) {
    this.catalogue = catalogue;
    this.#backends = new Map(catalogue.backends.map((backend) => [backend.id, backend]));
    this.#flavorsById = new Map(catalogue.flavors.map((flavor) => [flavor.id, flavor]));
    this.#flavorsByName = new Map(catalogue.flavors.map((flavor) => [flavor.name, flavor]));
    this.#zones = new Map(catalogue.zones.map((zone) => [zone.name, zone]));
    this.#ec2Keys = new Map((catalogue.ec2Keys ?? []).map((key) => [key.accessKeyId, key]));
  }

  backend(id: number): Backend | undefined {
    return this.#backends.get(id);
  }

  flavorById(id: string): Flavor | undefined {
    return this.#flavorsById.get(id);
  }

  /** By id or name, as the field's clients may give either. */
  flavor(idOrName: string): Flavor | undefined {
    return this.#flavorsById.get(idOrName) ?? this.#flavorsByName.get(idOrName);
  }

  /** What a flavor asks for, read once. */
  terms(flavor: Flavor | undefined): FlavorTerms {
    if (flavor === undefined) return FlavorTerms.NONE;
    let found = this.#terms.get(flavor.id);
    if (found === undefined) {
      found = termsOf(flavor, this.catalogue.qos);
      this.#terms.set(flavor.id, found);
    }
    return found;
  }

  /** The flavor that a project's requests mean when they name none; null: they must name one. */
  defaultFlavor(projectId: string): string | null {
    const { defaultFlavors, defaultFlavor } = this.catalogue;
    return (Object.hasOwn(defaultFlavors, projectId) ? defaultFlavors[projectId] : undefined) ?? defaultFlavor;
  }

  ec2Key(accessKeyId: string): Ec2Key | undefined {
    return this.#ec2Keys.get(accessKeyId);
  }

  zone(name: string): Zone | undefined {
    return this.#zones.get(name);
  }

  /** The backends behind a flavor, in first-fit order. */
  candidates(flavor: Flavor): readonly Backend[] {
    let found = this.#candidates.get(flavor.id);
    if (found === undefined) {
      found = flavor.backends.flatMap((id) => this.#backends.get(id) ?? []);
      this.#candidates.set(flavor.id, found);
    }
    return found;
  }
}
