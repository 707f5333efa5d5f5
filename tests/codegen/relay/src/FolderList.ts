import { graphql } from "relay-runtime";

export const FolderListQuery = graphql`
  query FolderListQuery($count: Int!) {
    viewer {
      ...FolderList_viewer @arguments(count: $count)
      currentEnvironment {
        ...FolderList_environment @arguments(surface: DESKTOP)
      }
    }
  }
`;

export const FolderListFragment = graphql`
  fragment FolderList_viewer on Viewer
  @refetchable(queryName: "FolderListPageQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" }) {
    persistedFolders(first: $count, after: $cursor) @connection(key: "FolderList_persistedFolders") {
      edges {
        node {
          ...FolderList_folder
        }
      }
    }
  }
`;

/** Its pages are fetched through `node(id:)`. */
export const EnvironmentFragment = graphql`
  fragment FolderList_environment on Environment
  @refetchable(queryName: "FolderListEnvironmentPageQuery")
  @argumentDefinitions(
    count: { type: "Int", defaultValue: 20 }
    cursor: { type: "String" }
    surface: { type: "Surface!" }
  ) {
    persistedFolders(first: $count, after: $cursor, surface: $surface)
      @connection(key: "FolderList_environment_persistedFolders", filters: ["surface"]) {
      totalCount
      edges {
        node {
          ...FolderList_folder
        }
      }
    }
  }
`;

export const FolderFragment = graphql`
  fragment FolderList_folder on PersistedFolder @inline {
    id
    uuid
    type
    surface
    location
    updatedAt
  }
`;
