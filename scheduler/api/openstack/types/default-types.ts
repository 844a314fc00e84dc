import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import { ProjectId } from "#shared/model/names.ts";
import { parser } from "#shared/schema.ts";
import { setDefaultFlavor } from "../../../catalogue/edits.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { needed, under } from "../rest/body.ts";
import { reference } from "../rest/kinds.ts";
import { type Operation, operation, operationWith } from "../rest/operation.ts";
import { refusal } from "../rest/refusal.ts";
import { requireType } from "./find.ts";

const SINCE = 62;
const projectIds = parser(ProjectId, "project id");
const DefaultType = Type.Object({ project_id: Type.String(), volume_type_id: Type.String() });
const DefaultTypeAnswer = Type.Object({ default_type: DefaultType });
const SetBody = under("default_type", { volume_type: needed(reference, "the id or name of a volume type") });

/** The types that single projects mean when they name none. */
export function defaultTypeOperations({ engine, catalogue }: ApiDependencies): readonly Operation[] {
  const now = () => engine.state.catalogue.catalogue;
  const view = (project: string, name: string): Static<typeof DefaultType> => ({
    project_id: project,
    volume_type_id: requireType(now(), name).id,
  });
  const shown = (project: string) => {
    const name = new Map(Object.entries(now().defaultFlavors)).get(project);
    if (name !== undefined) return { default_type: view(project, name) };
    throw new BerthError("E_NOT_FOUND", `Default type for project ${project.slice(0, 80)} not found.`);
  };
  return [
    operation({
      name: "volume_extension:default_get_all",
      summary: "The projects that have a default type of their own, and it",
      method: "GET",
      path: "/default-types",
      access: "admin",
      since: SINCE,
      status: 200,
      answer: Type.Object({ default_types: Type.Array(DefaultType) }),
      handle: () => ({
        default_types: Object.entries(now().defaultFlavors).map(([project, name]) => view(project, name)),
      }),
    }),
    operation({
      name: "volume_extension:default_get",
      summary: "A project's own default type",
      method: "GET",
      path: "/default-types/:id",
      access: "admin",
      since: SINCE,
      status: 200,
      answer: DefaultTypeAnswer,
      handle: ({ param }) => shown(param("id")),
    }),
    operationWith(SetBody, {
      name: "volume_extension:default_set_or_update",
      summary: "Give a project a default type of its own",
      method: "PUT",
      path: "/default-types/:id",
      access: "admin",
      since: SINCE,
      status: 200,
      answer: DefaultTypeAnswer,
      handle: async ({ body, param }) => {
        const project = projectIds.parse(param("id"));
        const wanted = now().flavors.find(({ id, name }) => id === body.volume_type || name === body.volume_type);
        if (wanted === undefined) throw refusal(`Volume type ${body.volume_type.slice(0, 80)} could not be found.`);
        await catalogue.edit((before) => setDefaultFlavor(before, wanted.id, project));
        return shown(project);
      },
    }),
    operation({
      name: "volume_extension:default_unset",
      summary: "Let a project have the common default type; done, if it has",
      method: "DELETE",
      path: "/default-types/:id",
      access: "admin",
      since: SINCE,
      status: 204,
      handle: ({ param }) => catalogue.edit((before) => setDefaultFlavor(before, null, param("id"))),
    }),
  ];
}
