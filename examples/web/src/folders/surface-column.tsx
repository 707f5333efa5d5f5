import { useId } from "react";
import type { PersistedFolderType, Surface } from "../gql/graphql";
import { FolderRow } from "./folder-row";
import { FOLDER_TYPES, type Folder, SURFACES } from "./names";

interface Props {
  surface: Surface;
  folders: Folder[];
  reload: () => Promise<unknown>;
}

export function SurfaceColumn({ surface, folders, reload }: Props) {
  const headingId = useId();
  return (
    <section className="column" aria-labelledby={headingId}>
      <h2 id={headingId}>{SURFACES[surface]}</h2>
      <ul>
        {(Object.keys(FOLDER_TYPES) as PersistedFolderType[]).map((type) => (
          <FolderRow
            key={type}
            name={FOLDER_TYPES[type]}
            folder={folders.find((each) => each.type === type)}
            reload={reload}
          />
        ))}
      </ul>
    </section>
  );
}
