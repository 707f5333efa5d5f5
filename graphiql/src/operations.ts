/** What a new browser opens with: they work in the demo's workspace, and in any where the key has a current environment. */
export const OPERATIONS: { query: string; variables?: string }[] = [
  {
    query: `# Folders in your current environment.
# projectId: "1" would name a project.
query List {
  persistedFolders(
    environmentId: "@current"
    surface: WEB
  ) {
    nodes {
      type
      location
      updatedAt
    }
  }
}
`,
  },
  {
    query: `# Creates the folder of a type, or
# overwrites it. Variables are below.
mutation Upsert($input: UpsertPersistedFolderInput!) {
  upsertPersistedFolder(input: $input) {
    created
    persistedFolder {
      id
      location
      updatedAt
    }
    userErrors {
      code
      field
      message
    }
  }
}
`,
    variables: JSON.stringify({ input: { environmentId: "@current", type: "PINNED", path: "Growth/Monthly" } }, null, 2),
  },
  {
    query: `# Each surface has its own folders.
query BothSurfaces {
  web: persistedFolders(
    environmentId: "@current"
    surface: WEB
  ) {
    nodes {
      type
      location
    }
  }
  desktop: persistedFolders(
    environmentId: "@current"
    surface: DESKTOP
  ) {
    nodes {
      type
      location
    }
  }
}
`,
  },
  {
    query: `# Shows each change as it is made. Run it,
# then run Upsert in another window.
subscription Changes {
  persistedFolderChanged(
    environmentId: "@current"
  ) {
    kind
    cursor
    persistedFolder {
      type
      surface
      location
      updatedAt
    }
  }
}
`,
  },
];
