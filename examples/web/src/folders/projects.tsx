import { useQuery } from "@apollo/client/react";
import { useId, useState } from "react";
import { Problem } from "../api/problem";
import { ProjectsDocument, type ProjectsQuery } from "../gql/graphql";
import { Board } from "./board";

/** Lets the user choose among the projects that the key reaches, and shows the folders of one. */
export function Projects({ apiKey }: { apiKey: string }) {
  const { data, error, refetch } = useQuery(ProjectsDocument);
  const [chosen, setChosen] = useState<string>();
  const selectId = useId();

  if (error) return <Problem error={error} onRetry={() => void refetch()} />;
  if (!data) return <p role="status">Loading projects…</p>;
  const projects = projectsOf(data);
  const [first] = projects;
  if (!first) return <p className="hint">This key reaches no project.</p>;
  const project = chosen ?? first.id;
  return (
    <>
      <div className="toolbar">
        <label htmlFor={selectId}>Project</label>
        <select id={selectId} value={project} onChange={(event) => setChosen(event.target.value)}>
          {projects.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
        <span className="user">Folders of {data.viewer.email}</span>
      </div>
      {/* The key makes it a new board: nothing that is being edited goes along to another project. */}
      <Board key={project} project={project} apiKey={apiKey} />
    </>
  );
}

/** A project has several environments, and stands here for its primary one. */
function projectsOf({ viewer }: ProjectsQuery) {
  return [...new Map(viewer.environments.nodes.map(({ project }) => [project.id, project])).values()];
}
