import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  // Outside of this repository, the address of a service: http://127.0.0.1:8000/schema.graphql
  schema: "../../schema.graphql",
  documents: "src/**/*.graphql",
  generates: {
    "src/gql/": {
      preset: "client",
      // Fragments are plain types then: a component takes a FolderFieldsFragment as its prop.
      presetConfig: { fragmentMasking: false },
      config: {
        strictScalars: true,
        scalars: { DateTime: "string", UUID: "string" },
        useTypeImports: true,
      },
    },
  },
};

export default config;
