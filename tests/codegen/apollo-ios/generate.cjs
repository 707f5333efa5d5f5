// node generate.cjs SCHEMA OPERATIONS: prints the Swift code for Apollo iOS 0.x. The schema is SDL, or what introspection answered.
const { readFileSync } = require("node:fs");
const { buildClientSchema, buildSchema, lexicographicSortSchema, parse } = require("graphql");
const { compileToIR } = require("apollo-codegen-core/lib/compiler");
const { generateSource } = require("apollo-codegen-swift");

const [schemaFile, operationsFile] = process.argv.slice(2);
const text = readFileSync(schemaFile, "utf8");
const schema = schemaFile.endsWith(".json") ? buildClientSchema(JSON.parse(text).data) : buildSchema(text);
const operations = parse(readFileSync(operationsFile, "utf8"));
const context = compileToIR(lexicographicSortSchema(schema), operations, {
  addTypename: true,
  mergeInFieldsFromFragmentSpreads: true,
});
process.stdout.write(generateSource(context, false, false).output);
