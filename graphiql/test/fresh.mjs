// Builds the page elsewhere and prints, as JSON, the files of the package that are not what was built.
// What is compared is unpacked: each version of Node may compress in its own way.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync, gunzipSync } from "node:zlib";

const project = fileURLToPath(new URL("..", import.meta.url));
const committed = join(project, "../gateway/http/static");
const built = mkdtempSync(join(tmpdir(), "graphiql-"));

function unpacked(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((entry) => {
      const path = join(entry.parentPath ?? entry.path, entry.name);
      const bytes = readFileSync(path);
      const name = path.slice(folder.length + 1);
      if (name.endsWith(".gz")) return [name, gunzipSync(bytes)];
      return [name, name.endsWith(".br") ? brotliDecompressSync(bytes) : bytes];
    }),
  );
}

try {
  execFileSync("npm", ["run", "--silent", "build", "--", "--outDir", built], { cwd: project, stdio: ["ignore", 2, 2] });
  const [here, there] = [unpacked(committed), unpacked(built)];
  const names = [...new Set([...here.keys(), ...there.keys()])].sort();
  const isSame = (name) => here.has(name) && there.has(name) && here.get(name).equals(there.get(name));
  console.log(JSON.stringify({ compared: names.length, differing: names.filter((name) => !isSame(name)) }));
} finally {
  rmSync(built, { recursive: true });
}
