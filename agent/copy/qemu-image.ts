import type { FileAddress, IscsiAddress } from "#shared/model/block-address.ts";

/** By this name a secret is known to the qemu-nbd that is handed it. */
export const SECRET_ID = "chap";

const QEMU_FORMATS = { raw: "raw", qcow2: "qcow2", vhd: "vpc" } as const;

/** An image in qemu's own words, as JSON: nothing in a path or name can be taken for more than a value. */
export function fileImage({ path, format }: FileAddress): object {
  return { driver: QEMU_FORMATS[format], file: { driver: "file", filename: path } };
}

/** The CHAP secret is handed to qemu-nbd beside it (`SECRET_ID`), never in its arguments. */
export function iscsiImage({ iqn, lun, initiator, chap }: IscsiAddress, portal: string): object {
  return {
    driver: "raw",
    file: {
      driver: "iscsi",
      transport: "tcp",
      portal,
      target: iqn,
      lun,
      timeout: ISCSI_TIMEOUT_S,
      ...(initiator === null ? {} : { "initiator-name": initiator }),
      ...(chap === null ? {} : { user: chap.username, "password-secret": SECRET_ID }),
    },
  };
}

/** Without one, libiscsi tries a target that is gone for ever. */
const ISCSI_TIMEOUT_S = 30;
