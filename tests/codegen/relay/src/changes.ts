import { graphql } from "relay-runtime";

/** The folder leaves the lists that are named, and stays in the store. */
export const DeleteFolderMutation = graphql`
  mutation changesDeleteFolderMutation($input: DeletePersistedFolderInput!, $connections: [ID!]!) {
    deletePersistedFolder(input: $input) {
      deletedPersistedFolderId @deleteEdge(connections: $connections)
      userErrors {
        code
        message
      }
    }
  }
`;

/** The folder leaves the store. */
export const ForgetFolderMutation = graphql`
  mutation changesForgetFolderMutation($input: DeletePersistedFolderInput!) {
    deletePersistedFolder(input: $input) {
      deletedPersistedFolderId @deleteRecord
      userErrors {
        code
        message
      }
    }
  }
`;

export const SaveFolderMutation = graphql`
  mutation changesSaveFolderMutation($input: UpsertPersistedFolderInput!, $connections: [ID!]!) {
    upsertPersistedFolder(input: $input) {
      created
      persistedFolder @appendNode(connections: $connections, edgeTypeName: "PersistedFolderEdge") {
        ...FolderList_folder
      }
      userErrors {
        code
        field
        message
      }
    }
  }
`;

export const FolderSubscription = graphql`
  subscription changesFolderSubscription($projectId: ID, $after: String) {
    persistedFolderChanged(projectId: $projectId, after: $after) {
      cursor
      kind
      persistedFolder {
        id
        ...FolderList_folder
      }
    }
  }
`;
