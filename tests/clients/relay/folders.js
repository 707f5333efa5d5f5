// What relay.mjs has compiled and runs; nothing imports this file.
import { graphql } from "relay-runtime";

graphql`
  query foldersListQuery($project: ID, $surface: Surface = WEB) {
    persistedFolders(projectId: $project, surface: $surface) {
      nodes {
        type
      }
    }
  }
`;

graphql`
  query foldersFirstPageQuery($project: ID, $first: Int!) {
    ...folders_list @arguments(project: $project, first: $first)
  }
`;

graphql`
  fragment folders_list on Query
  @refetchable(queryName: "foldersNextPageQuery")
  @argumentDefinitions(project: { type: "ID" }, first: { type: "Int" }, after: { type: "String" }) {
    persistedFolders(projectId: $project, first: $first, after: $after) @connection(key: "folders_persistedFolders") {
      __id
      edges {
        node {
          id
          type
          path
        }
      }
    }
  }
`;

graphql`
  query foldersViewerQuery {
    viewer {
      email
    }
  }
`;

graphql`
  mutation foldersSaveMutation($input: UpsertPersistedFolderInput!) {
    upsertPersistedFolder(input: $input) {
      created
      persistedFolder {
        id
        path
        updatedAt
      }
      userErrors {
        code
        field
      }
    }
  }
`;

graphql`
  mutation foldersRenameMutation($input: UpdatePersistedFolderInput!) {
    updatePersistedFolder(input: $input) {
      persistedFolder {
        path
      }
      userErrors {
        code
      }
    }
  }
`;

graphql`
  mutation foldersDeleteMutation($input: DeletePersistedFolderInput!, $connections: [ID!]!) {
    deletePersistedFolder(input: $input) {
      deletedPersistedFolderId @deleteEdge(connections: $connections)
      userErrors {
        code
      }
    }
  }
`;

graphql`
  subscription foldersChangesSubscription($project: ID) {
    persistedFolderChanged(projectId: $project) {
      kind
      cursor
      persistedFolder {
        id
        type
        path
      }
    }
  }
`;
