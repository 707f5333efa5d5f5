import type { FolderFieldsFragment, PersistedFolderType, Surface } from "../gql/graphql";

export type Folder = FolderFieldsFragment;

export const SURFACES = { WEB: "Web", DESKTOP: "Desktop" } as const satisfies Record<Surface, string>;

/** In the order in which they are shown. */
export const FOLDER_TYPES = {
  HOME: "Home",
  PINNED: "Pinned",
  CUSTOM_PRODUCTS: "Custom products",
} as const satisfies Record<PersistedFolderType, string>;
