// Bundles page.mjs, opens it in Chromium at each address that the argument names, and prints what it told.
// tests/clients/test_cross_origin.py serves those addresses, and judges.
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { fileURLToPath } from "node:url";

const { pages, task, browser: executablePath } = JSON.parse(process.argv[2]);
const bundle = await build({
  entryPoints: [fileURLToPath(new URL("page.mjs", import.meta.url))],
  bundle: true,
  write: false,
  format: "iife",
  globalName: "page",
  define: { "process.env.NODE_ENV": '"production"', "globalThis.__DEV__": "false" },
});
const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const browser = await chromium.launch({ executablePath, args, timeout: 120_000 });
try {
  const told = [];
  for (const address of pages) {
    const page = await browser.newPage();
    await page.goto(address, { timeout: 120_000 });
    await page.addScriptTag({ content: bundle.outputFiles[0].text });
    told.push(await page.evaluate((given) => globalThis.page.attempt(given), task));
    await page.close();
  }
  console.log(JSON.stringify(told));
} finally {
  await browser.close();
}
