// Opens the page in Chromium and does what the argument, JSON, says; prints what was seen as JSON.
// tests/http/test_graphiql.py calls it and judges.
import { chromium } from "playwright-core";

const { address, browser: executablePath, options: args, key, wrongKey, screenshot, colorScheme } = JSON.parse(process.argv[2]);
const browser = await chromium.launch({ executablePath, args, timeout: 120_000 });
const context = await browser.newContext({ viewport: { width: 1440, height: 860 }, colorScheme });
context.setDefaultTimeout(120_000);
const seen = { console: [], failures: [], requests: [] };
let isLeft = false;

/** A window with the page, ready for use. */
async function open() {
  const page = await context.newPage();
  // Violations of the Content-Security-Policy are errors of the console.
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) seen.console.push(message.text());
  });
  page.on("pageerror", (error) => seen.console.push(String(error)));
  page.on("requestfailed", (request) => {
    // What was still loading is given up with its page.
    if (!isLeft || request.failure().errorText !== "net::ERR_ABORTED") seen.failures.push(request.url());
  });
  page.on("request", (request) => seen.requests.push(request.url()));
  page.on("websocket", (socket) => seen.requests.push(socket.url()));
  await page.goto(`${address}/graphql`);
  await page.getByRole("link", { name: "Subscription", exact: true }).waitFor();
  // They are loaded apart from the page, and until they are there, its buttons do nothing.
  for (const editor of [".graphiql-editor", ".graphiql-response"]) {
    await page.locator(`${editor} .view-lines`).first().waitFor({ state: "attached" });
  }
  const keyField = page.getByLabel("API key");
  return {
    page,
    tabs: () => page.getByRole("tablist").getByRole("button").allInnerTexts(),
    choose: (name) => page.getByRole("tablist").getByRole("button", { name, exact: true }).click(),
    run: () => page.getByRole("button", { name: /^Execute query/ }).click(),
    enter: async (text) => {
      await keyField.fill(text);
      await keyField.press("Enter");
    },
    verdict: async (pattern) => {
      const status = page.getByRole("banner").getByRole("status").filter({ hasText: pattern });
      await status.waitFor();
      return status.innerText();
    },
    /** The response, once it matches; the editor holds only the lines that are in view. */
    response: async (pattern) => {
      const read = () => page.locator(".graphiql-response .view-lines").innerText();
      const text = async () => (await read()).replaceAll("\u00a0", " ");
      for (const end = Date.now() + 120_000; Date.now() < end; await page.waitForTimeout(50)) {
        if (pattern.test(await text())) return text();
      }
      throw new Error(`No response like ${pattern}, but: ${await text()}`);
    },
  };
}

try {
  const first = await open();
  seen.tabs = (await first.tabs()).filter(Boolean);
  seen.hint = await first.verdict(/make run/);

  await first.choose("List");
  await first.run();
  seen.withoutKey = await first.response(/errors/);

  await first.enter(wrongKey);
  seen.refused = await first.verdict(/invalid/);
  await first.choose("Changes");
  await first.run();
  seen.refusedSubscription = await first.response(/errors/);

  await first.enter(key);
  seen.accepted = await first.verdict(/accepted/);
  await first.choose("List");
  await first.run();
  seen.list = await first.response(/"nodes"[^]*\n}/);
  if (screenshot) await first.page.screenshot({ path: screenshot });

  await first.choose("Changes");
  await first.run();
  await first.page.getByRole("button", { name: /^Stop query/ }).waitFor();

  const second = await open();
  seen.keyOfAnotherWindow = await second.page.getByLabel("API key").inputValue();
  await second.enter(key);
  await second.choose("Upsert");
  const change = first.response(/persistedFolderChanged/);
  // Nothing tells that the subscription has begun: there are changes until one is seen.
  do {
    await second.run();
    seen.upsert = await second.response(/"userErrors"/);
    seen.change = await Promise.race([change, second.page.waitForTimeout(1000)]);
  } while (!seen.change);

  // With another key, what is followed with the last one is nothing to see.
  await first.enter(wrongKey);
  await first.page.getByRole("button", { name: /^Execute query/ }).waitFor();
  await first.enter(key);
  await first.verdict(/accepted/);

  seen.stored = await first.page.evaluate(() => ({
    local: JSON.stringify(localStorage),
    session: JSON.stringify(sessionStorage),
    cookies: document.cookie,
  }));
  isLeft = true;
  await first.page.reload();
  seen.keyAfterReload = await first.page.getByLabel("API key").inputValue();
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
