// Compiles folders.js into a folder. By itself: node compile.mjs FOLDER SCHEMA leaves ids in place of texts there,
// and the texts in persisted.json.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export function compile(folder, schema, options = {}) {
  for (const name of ["src", "compiled"]) mkdirSync(join(folder, name), { recursive: true });
  copyFileSync(here("folders.js"), join(folder, "src", "folders.js"));
  const config = {
    src: "src",
    language: "javascript",
    schema: relative(folder, schema),
    artifactDirectory: "compiled",
    // As CommonJS, which needs no bundler to be found.
    eagerEsModules: false,
    ...options,
  };
  writeFileSync(join(folder, "relay.config.json"), JSON.stringify(config));
  const compiler = here("../node_modules/.bin/relay-compiler");
  execFileSync(compiler, ["relay.config.json"], { cwd: folder, encoding: "utf8", stdio: "pipe" });
}

/** Finds what was compiled into the folder. */
export function finder(folder) {
  const require = createRequire(join(folder, "compiled", "any.js"));
  return (name) => require(`./folders${name}.graphql.js`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, schema] = process.argv.slice(2);
  writeFileSync(join(folder, "persisted.json"), "{}");
  compile(folder, schema, { persistConfig: { file: "persisted.json" } });
}
