import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from "fastify";
import type { Logger } from "#shared/log.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import type { ForeignObject } from "#shared/model/foreign.ts";
import type { Listing } from "#shared/model/listing.ts";
import type { Sealing } from "#shared/sealed.ts";
import type { Backup } from "../backup/make.ts";
import type { BackendAudit } from "../core/audit.ts";
import type { AuditSummary } from "../core/audit-memory.ts";
import type { Engine } from "../engine.ts";
import type { IdentitySource } from "../identity/identity.ts";
import type { ServedCertificate } from "./served-certificate.ts";

export type Api = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** What the API needs of the catalogue's keeper (`catalogue/service.ts`). */
export interface CatalogueEditor {
  current(): Catalogue;
  /** Why the catalogue's file is not what is in force; null: it is. */
  problem(): string | null;
  /** Applies a pure edit, keeps the result and brings it into force; refuses what would drop something in use. */
  edit(change: (catalogue: Catalogue) => Catalogue): Promise<Catalogue>;
}

/** What the backends themselves say. Throws E_NO_AGENT, E_UNAVAILABLE, E_TIMEOUT, or what the backend's driver says. */
export interface StorageLooker {
  audit(backendId: number): Promise<BackendAudit>;
  list(backendId: number): Promise<Listing>;
  /** What others made there. */
  foreign(backendId: number): Promise<readonly ForeignObject[]>;
  /** null: there is none of that name. */
  foreignObject(backendId: number, reference: string): Promise<ForeignObject | null>;
  /** What the last audit of each backend found. */
  lastAudits(): ReadonlyMap<number, AuditSummary>;
}

export interface ApiSettings {
  /** How long `os-initialize_connection` waits for the agent before it answers E_TIMEOUT; the work goes on. */
  readonly connectTimeoutMs: number;
  /** Where clients reach this API (`https://storage.example`), for links; null: as the request says. */
  readonly publicUrl: string | null;
  /** Where the other schedulers reach this one; null: it is the only one. */
  readonly leaderUrl: string | null;
  /** Requests of one project a second, over time; 0: no limit. */
  readonly ratePerS: number;
  /** So many of them may come at once. */
  readonly rateBurst: number;
  readonly metricsAccess: "admin" | "open";
}

export const DEFAULT_API_SETTINGS: ApiSettings = {
  connectTimeoutMs: 30_000,
  publicUrl: null,
  leaderUrl: null,
  ratePerS: 0,
  rateBurst: 100,
  metricsAccess: "admin",
};

export interface ApiDependencies {
  readonly engine: Engine;
  readonly catalogue: CatalogueEditor;
  readonly sealingKey: Sealing;
  /** Has an agent measure the backend now; done when the report is in. Throws E_NO_AGENT, E_TIMEOUT. */
  readonly measureNow: (backendId: number) => Promise<void>;
  /** Makes a backup of the running scheduler. Throws E_CONFLICT, E_LEDGER. */
  readonly makeBackup: () => Promise<Backup>;
  readonly storage: StorageLooker;
  /** What of the events is told on NATS. */
  readonly eventsPublished: () => { readonly published: number; readonly missed: number };
  readonly identities: IdentitySource;
  /** Where is written down who changed what; null: nowhere. */
  readonly writeLog: Logger | null;
  /** null: plain HTTP. Only for who listens by itself. */
  readonly tls: ServedCertificate | null;
  readonly log: Logger;
  readonly settings: ApiSettings;
  readonly version: string;
  readonly schedulerId: string;
  /** The scheduler's clock; for tests. */
  readonly nowMs?: () => number;
}
