// `make example`: the service with its demo workspace, and before it the built page. Ctrl+C stops both.
// The arguments are the command that starts the service.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { preview } from "vite";

const [command, ...args] = process.argv.slice(2);
const service = spawn(command, args, {
  stdio: ["ignore", "pipe", "inherit"],
  // Any free port: `make run` may have the usual one.
  env: { GATEWAY_PORT: "0", GATEWAY_LOG_LEVEL: "warning", ...process.env },
});
const ended = once(service, "close");
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => service.kill(signal));

/** What `gateway demo` prints when it is up, or undefined where it ends before that. */
async function welcome() {
  let printed = "";
  service.stdout.setEncoding("utf8");
  for await (const text of service.stdout.iterator({ destroyOnReturn: false })) {
    printed += text;
    if (printed.includes("Ctrl+C")) return printed;
  }
}

const printed = await welcome();
service.stdout.resume();
if (printed !== undefined) {
  const [, address] = /^GraphQL +(\S+)\/graphql$/m.exec(printed);
  const [, key] = /^Key +(.+)$/m.exec(printed);
  process.env.SERVICE_URL = address;
  const page = await preview({ root: fileURLToPath(new URL(".", import.meta.url)) });
  console.log(`
Page       ${page.resolvedUrls.local[0]}
Key        ${key}
GraphQL    ${address}/graphql

Open the page in two windows, and change a folder in one.
Stop with Ctrl+C.
`);
  await ended;
  await page.close();
}
const [code] = await ended;
process.exitCode = code ?? 1;
