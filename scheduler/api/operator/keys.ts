import { keyIdOf } from "#shared/sealed.ts";
import { ec2Edits } from "../../catalogue/edits.ts";
import { countByKey, type SealedRecord, sealedRecords } from "../../core/secrets.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { KeysAnswer, RotateAnswer } from "./connection-schemas.ts";

/** So many secrets are sealed anew in one commit. */
const BATCH = 100;

/** The keys that seal CHAP secrets and those of EC2 keys: which are in use, and the secrets sealed anew with the newest. */
export function keyRoutes(app: Api, base: string, { engine, catalogue, sealingKey, log }: ApiDependencies): void {
  const { state } = engine;

  app.get(`${base}/keys`, { schema: { response: { 200: KeysAnswer } } }, async () => {
    sealingKey.reload();
    return view();
  });

  /** In batches, each a commit: broken off anywhere, it is asked for once more and goes on. */
  app.post(`${base}/keys/rotate`, { schema: { response: { 200: RotateAnswer } } }, async () => {
    sealingKey.reload();
    const old = [...sealedRecords(state)].filter((one) => !one.inHand && keyIdOf(one.sealedSecret) !== newest());
    let resealed = 0;
    for (let n = 0; n < old.length; n += BATCH) {
      const secrets = old.slice(n, n + BATCH).flatMap(sealedAnew);
      resealed += await engine.submit("secrets.reseal", { secrets });
    }
    resealed += await resealCatalogue();
    log.info({ resealed, key: newest() }, "secrets sealed with the newest key");
    return { ...view(), resealed };
  });

  function newest(): string {
    return sealingKey.keyIds[0] ?? "";
  }

  /** The secrets of EC2 keys, which the catalogue holds; the answer is how many. */
  async function resealCatalogue(): Promise<number> {
    const isOld = (sealed: string): boolean =>
      keyIdOf(sealed) !== newest() && sealingKey.keyIds.includes(keyIdOf(sealed));
    const count = ec2Secrets().filter(isOld).length;
    if (count === 0) return 0;
    const anew = (sealed: string): string => (isOld(sealed) ? sealingKey.seal(sealingKey.open(sealed)) : sealed);
    await catalogue.edit((before) => ec2Edits.resealEc2Keys(before, anew));
    return count;
  }

  function ec2Secrets(): string[] {
    return (state.catalogue.catalogue.ec2Keys ?? []).map(({ sealedSecret }) => sealedSecret);
  }

  /** Nothing for one whose key is not known: it is told as left. */
  function sealedAnew({ kind, id, sealedSecret }: SealedRecord) {
    if (!sealingKey.keyIds.includes(keyIdOf(sealedSecret))) return [];
    return [{ kind, id, from: sealedSecret, to: sealingKey.seal(sealingKey.open(sealedSecret)) }];
  }

  function view(): KeysAnswer {
    const counts = new Map(countByKey(state));
    for (const id of ec2Secrets().map(keyIdOf)) counts.set(id, (counts.get(id) ?? 0) + 1);
    const known = [...sealingKey.keyIds];
    return {
      sealsWith: newest(),
      known,
      secrets: [...counts].map(([key, count]) => ({ key, count })),
      removable: known.slice(1).filter((key) => !counts.has(key)),
    };
  }
}
