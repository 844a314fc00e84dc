import { Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import { ProjectId } from "#shared/model/names.ts";
import { grantAccess, revokeAccess } from "../../../catalogue/edits.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { type Action, action, actionsOn } from "../rest/action.ts";
import { needed, under } from "../rest/body.ts";
import { kind } from "../rest/kinds.ts";
import { type Operation, operation } from "../rest/operation.ts";
import { requireType } from "./find.ts";

const projectId = kind(ProjectId, "a project id", (value) => value);

const AccessAnswer = Type.Object({
  volume_type_access: Type.Array(Type.Object({ volume_type_id: Type.String(), project_id: Type.String() })),
});

/** Which projects may use a type that is not everybody's. */
export function typeAccessOperations(dependencies: ApiDependencies): readonly Operation[] {
  const now = () => dependencies.engine.state.catalogue.catalogue;
  return [
    operation({
      name: "volume_extension:volume_type_access:get_all_for_type",
      summary: "The projects that may use it",
      method: "GET",
      path: "/types/:id/os-volume-type-access",
      access: "admin",
      status: 200,
      answer: AccessAnswer,
      handle: ({ param }) => {
        const { id, projects } = requireType(now(), param("id"));
        if (projects === undefined)
          throw new BerthError("E_NOT_FOUND", "Access list not available for public volume types.");
        return { volume_type_access: projects.map((project) => ({ volume_type_id: id, project_id: project })) };
      },
    }),
    actionsOn(
      {
        name: "volume_extension:volume_type_access",
        summary: "Let a project in, or out",
        path: "/types/:id/action",
      },
      [
        change(dependencies, "addProjectAccess", grantAccess, "Let a project use it"),
        change(dependencies, "removeProjectAccess", revokeAccess, "Let a project use it no longer; what it has stays"),
      ],
    ),
  ];
}

function change(
  { catalogue }: ApiDependencies,
  name: "addProjectAccess" | "removeProjectAccess",
  step: typeof grantAccess,
  summary: string,
): Action {
  return action(under(name, { project: needed(projectId, "a project id") }), {
    action: name,
    name: `volume_extension:volume_type_access:${name}`,
    summary,
    access: "admin",
    status: 202,
    handle: ({ body, param }) =>
      catalogue.edit((before) => step(before, requireType(before, param("id")).id, body.project)),
  });
}
