// Plays the scenario that the argument, JSON, names, and prints what was seen as JSON.
// tests/test_example.py calls it and judges.
import { launch } from "./browser.mjs";
import { Line } from "./line.mjs";

const { scenario, key, wrongKey, artifacts, ...task } = JSON.parse(process.argv[2]);
const browser = await launch(task);

async function openWithKey(options) {
  const window = await browser.open(options);
  await window.enter(key);
  return window;
}

async function openLive(options) {
  const window = await openWithKey(options);
  await window.live("Live");
  return window;
}

const scenarios = {
  /** One page changes a folder, the other sees it. */
  async changes() {
    const first = await openLive();
    const second = await openLive({ colorScheme: "dark" });
    const home = first.folder("Web", "Home");
    await home.shows("products://Growth");

    await first.page.route("**/graphql", (route) => route.abort(), { times: 1 });
    await home.save("Growth/Quarterly");
    const lost = await home.problem();

    const held = await first.holdNextAnswer();
    await first.page.keyboard.press("Enter");
    await home.shows("products://Growth/Quarterly");
    const whileSaving = await home.row.getByRole("button").innerText();
    await second.folder("Web", "Home").shows("products://Growth/Quarterly");
    held.release();
    await home.row.getByText("Edit", { exact: true }).waitFor();

    const announced = await second.page.getByRole("status").innerText();
    const focused = await first.page.evaluate(() => document.activeElement.getAttribute("aria-label"));
    await first.page.screenshot({ path: `${artifacts}/example-light.png` });
    await second.page.screenshot({ path: `${artifacts}/example-dark.png` });
    return { lost, whileSaving, announced, focused };
  },

  /** A page that hears nothing saves over a change that it has not seen. */
  async stale() {
    const deaf = await openWithKey({ prepare: (page) => page.routeWebSocket("**/graphql", (socket) => socket.close()) });
    await deaf.live("Not live: trying again soon");
    const other = await openLive();
    const [mine, theirs] = [deaf.folder("Web", "Pinned"), other.folder("Web", "Pinned")];
    const codes = deaf.collectUserErrors();
    const conflicts = [];
    for (const [choice, kept] of [["Overwrite with mine", "Mine 1"], ["Take theirs", "Theirs 2"]]) {
      const round = kept.at(-1);
      await mine.type(`Mine ${round}`);
      await theirs.save(`Theirs ${round}`);
      await theirs.row.getByText("Edit", { exact: true }).waitFor();
      await deaf.page.keyboard.press("Enter");
      conflicts.push(await mine.problem());
      await deaf.page.screenshot({ path: `${artifacts}/example-stale.png` });
      await mine.choose(choice);
      await mine.shows(`products://${kept}`);
      await theirs.shows(`products://${kept}`);
    }
    return { codes: await Promise.all(codes), conflicts };
  },

  /** A page that hears of a change while a folder is edited offers the choice before anything is sent. */
  async warned() {
    const first = await openLive();
    const second = await openLive();
    const codes = first.collectUserErrors();
    const pinned = first.folder("Web", "Pinned");
    await pinned.type("Growth/Monthly");
    await second.folder("Web", "Pinned").save("Growth/Yearly");
    const changed = await pinned.problem();
    await first.page.screenshot({ path: `${artifacts}/example-conflict.png` });
    const sentBefore = codes.length;
    await pinned.choose("Overwrite with mine");
    await second.folder("Web", "Pinned").shows("products://Growth/Monthly");

    const desk = first.folder("Desktop", "Home");
    await desk.type("Elsewhere");
    await second.delete("Desktop", "HOME");
    const deleted = await desk.problem();
    await desk.choose("Close");
    await desk.shows("Not set");
    return { changed, sentBefore, codes: await Promise.all(codes), deleted };
  },

  /** A page whose connection is lost catches up; one that may not go on says so, and leaves it. */
  async reconnect() {
    const line = new Line();
    const first = await openLive({ prepare: (page) => line.install(page) });
    const second = await openLive();
    const [here, there] = [first, second].map((window) => window.folder("Web", "Home"));
    await there.save("Seen");
    await here.shows("products://Seen");

    await line.cut();
    await first.live("Not live: trying again soon");
    await second.folder("Web", "Pinned").save("Missed");
    await there.save("Missed too");
    await there.row.getByText("Edit", { exact: true }).waitFor();
    const unaware = await here.row.innerText();
    const boardsBefore = first.boardsRead;
    line.mend();
    await first.folder("Web", "Pinned").shows("products://Missed");
    await here.shows("products://Missed too");
    await first.live("Live");
    const boardsRead = first.boardsRead - boardsBefore;

    // As after more than an hour: the service does not know the cursor any more.
    await line.cut();
    await first.live("Not live: trying again soon");
    await there.save("Long ago");
    await there.row.getByText("Edit", { exact: true }).waitFor();
    line.mend({ forgetsCursors: true });
    await here.shows("products://Long ago");
    await first.live("Live");
    const boardsReadAnew = first.boardsRead - boardsBefore;

    const { subscriptions } = line;
    const attempts = line.attempts;
    await line.cut({ code: 4403, reason: "The key was revoked." });
    await first.live("Not live: The key was revoked.");
    // Longer than the first wait of src/live/follow-changes.ts.
    await first.page.waitForTimeout(1500);
    return { unaware, boardsRead, boardsReadAnew, subscriptions, attemptsAfterRefusal: line.attempts - attempts };
  },

  /** A wrong key is refused, a right one accepted after it, and kept for this tab alone. */
  async key() {
    const window = await browser.open();
    const hint = await window.page.getByRole("main").innerText();
    await window.enter(wrongKey);
    const refused = await window.alert();
    await window.page.screenshot({ path: `${artifacts}/example-refused.png` });
    await window.enter(key);
    await window.live("Live");
    await window.page.reload();
    await window.live("Live");
    const stored = await window.page.evaluate(() => ({
      local: JSON.stringify(localStorage),
      session: JSON.stringify(sessionStorage),
      cookies: document.cookie,
    }));
    return { hint, refused, stored };
  },
};

try {
  const seen = await scenarios[scenario]();
  console.log(JSON.stringify({ ...seen, complaints: browser.complaints, hosts: [...browser.hosts] }));
} finally {
  await browser.close();
}
