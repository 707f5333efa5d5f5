import { graphql } from "./gql";

export const FolderFields = graphql(`
  fragment FolderFields on PersistedFolder {
    id
    uuid
    type
    surface
    location
    updatedAt
  }
`);

export const FolderPage = graphql(`
  query FolderPage($count: Int!, $after: String) {
    viewer {
      id
      persistedFolders(first: $count, after: $after) {
        totalCount
        edges {
          cursor
          node {
            ...FolderFields
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

export const SaveFolder = graphql(`
  mutation SaveFolder($input: UpsertPersistedFolderInput!) {
    upsertPersistedFolder(input: $input) {
      created
      persistedFolder {
        ...FolderFields
      }
      userErrors {
        code
        field
        message
      }
    }
  }
`);

export const FolderChanged = graphql(`
  subscription FolderChanged($projectId: ID, $after: String) {
    persistedFolderChanged(projectId: $projectId, after: $after) {
      cursor
      kind
      persistedFolder {
        ...FolderFields
      }
    }
  }
`);
