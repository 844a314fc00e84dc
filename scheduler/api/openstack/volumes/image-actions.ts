import { Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import { findVolume } from "../../../core/find.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { type Action, action } from "../rest/action.ts";
import { needed, since, under, unsaid } from "../rest/body.ts";
import { boolean, metadata as metadataKind, oneOf, text, uuid } from "../rest/kinds.ts";
import { refusal } from "../rest/refusal.ts";

const SetBody = under("os-set_image_metadata", { metadata: needed(metadataKind, "an object of texts") });
const UnsetBody = under("os-unset_image_metadata", { key: needed(text, "which of the image's metadata is to go") });
const UploadBody = under("os-volume_upload_image", {
  image_name: needed(text, "what the image shall be called"),
  force: boolean,
  disk_format: text,
  container_format: text,
  visibility: since(1, oneOf(["community", "public", "private", "shared"])),
  protected: since(1, boolean),
});
const ReimageBody = under("os-reimage", {
  image_id: needed(uuid, "the image to write to it"),
  reimage_reserved: boolean,
});

const MetadataAnswer = Type.Object({ metadata: Type.Record(Type.String(), Type.String()) });
const RULE = "volume_extension:volume_image_metadata";

/**
 * What machines are told of the image that a volume came from, kept as it is given. There is no image service here, so
 * nothing becomes an image or is made of one.
 */
export function imageActions({ engine }: ApiDependencies): readonly Action[] {
  const { state } = engine;
  return [
    action(SetBody, {
      action: "os-set_image_metadata",
      name: `${RULE}:set`,
      summary: "Keep with it what is known of its image",
      status: 200,
      answer: MetadataAnswer,
      handle: async ({ by, param, body }) => {
        const id = param("id");
        const { imageMetadata = {} } = findVolume(state, id, by.scope);
        const whole = metadataKind.read("metadata", { ...imageMetadata, ...body.metadata });
        await engine.submit("volume.update", { ...by, id, texts: { imageMetadata: whole } });
        return { metadata: whole };
      },
    }),
    action(UnsetBody, {
      action: "os-unset_image_metadata",
      name: `${RULE}:remove`,
      summary: "Forget one thing of it",
      status: 200,
      handle: async ({ by, param, body: { key } }) => {
        const id = param("id");
        const { imageMetadata = {} } = findVolume(state, id, by.scope);
        if (!Object.hasOwn(imageMetadata, key))
          throw new BerthError("E_NOT_FOUND", `Glance metadata for volume/snapshot ${id} cannot be found.`);
        const rest = Object.entries(imageMetadata).filter(([name]) => name !== key);
        await engine.submit("volume.update", { ...by, id, texts: { imageMetadata: Object.fromEntries(rest) } });
      },
    }),
    action(unsaid("os-show_image_metadata"), {
      action: "os-show_image_metadata",
      name: `${RULE}:show`,
      summary: "What is known of its image",
      status: 200,
      answer: MetadataAnswer,
      handle: ({ by, param }) => ({ metadata: findVolume(state, param("id"), by.scope).imageMetadata ?? {} }),
    }),
    action(UploadBody, {
      action: "os-volume_upload_image",
      name: "volume_extension:volume_actions:upload_image",
      summary: "Make an image of it: there is no image service here",
      status: 202,
      handle: ({ by, param }) => refuseImages(param("id"), by.scope),
    }),
    action(ReimageBody, {
      action: "os-reimage",
      name: "volume:reimage",
      summary: "Write an image to it: there is no image service here",
      since: 68,
      status: 202,
      handle: ({ by, param }) => refuseImages(param("id"), by.scope),
    }),
  ];

  function refuseImages(id: string, scope: string | null): never {
    findVolume(state, id, scope);
    throw refusal("There is no image service here: volumes are neither made into images nor of them.");
  }
}
