// Windows of Chromium with the page in them, and what a user does there.
import { chromium } from "playwright-core";

/** `complaints` and `hosts` tell what went wrong, and who was asked, in any window. */
export async function launch({ browser: executablePath, options: args, address }) {
  const browser = await chromium.launch({ executablePath, args, timeout: 120_000 });
  const complaints = [];
  const hosts = new Set();
  return {
    complaints,
    hosts,
    close: () => browser.close(),
    /** `prepare` gets the page before anything is loaded. */
    async open({ prepare = async () => {}, ...options } = {}) {
      const context = await browser.newContext({ viewport: { width: 1100, height: 700 }, ...options });
      context.setDefaultTimeout(120_000);
      const page = await context.newPage();
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("console", (message) => {
        // The browser itself tells of answers and connections that failed, and scenarios make them fail.
        const isNetwork = /^(Failed to load resource|WebSocket connection to)/.test(message.text());
        if (["error", "warning"].includes(message.type()) && !isNetwork) complaints.push(message.text());
      });
      page.on("request", (request) => hosts.add(new URL(request.url()).host));
      page.on("websocket", (socket) => hosts.add(new URL(socket.url()).host));
      await prepare(page);
      await page.goto(address);
      return new Window(page);
    },
  };
}

class Window {
  /** How often the page has asked for all folders. */
  boardsRead = 0;

  constructor(page) {
    this.page = page;
    page.on("request", (request) => {
      if (request.postData()?.includes("query FolderBoard")) this.boardsRead++;
    });
  }

  async enter(key) {
    const field = this.page.getByLabel("API key");
    await field.fill(key);
    await field.press("Enter");
    this.key = key;
  }

  /** Waits until the live connection is said to be in this state. */
  async live(text) {
    await this.page.getByText(text, { exact: true }).waitFor();
  }

  async alert() {
    const alert = this.page.getByRole("alert");
    await alert.waitFor();
    return alert.innerText();
  }

  folder(surface, name) {
    const column = this.page.getByRole("region", { name: surface });
    return new Folder(column.getByRole("listitem").filter({ has: this.page.getByRole("heading", { name }) }));
  }

  /** The service gets the next request at once, and the page its answer on release(). */
  async holdNextAnswer() {
    let release;
    const released = new Promise((resolve) => (release = resolve));
    const handle = async (route) => {
      const response = await route.fetch();
      await released;
      await route.fulfill({ response });
    };
    await this.page.route("**/graphql", handle, { times: 1 });
    return { release };
  }

  /** A list that grows with each change that is answered: promises of the code of its user error, or null. */
  collectUserErrors() {
    const codes = [];
    this.page.on("response", (response) => {
      if (!response.request().postData()?.includes("mutation")) return;
      codes.push(response.json().then(({ data }) => data.updatePersistedFolder.userErrors[0]?.code ?? null));
    });
    return codes;
  }

  /** What the page has no button for. */
  async delete(surface, type) {
    const folder = `persistedFolderByType(projectId: "1", surface: ${surface.toUpperCase()}, type: ${type}) { id }`;
    const {
      persistedFolderByType: { id },
    } = await this.#ask(`{ ${folder} }`);
    await this.#ask(`mutation { deletePersistedFolder(input: { id: ${JSON.stringify(id)} }) { userErrors { code } } }`);
  }

  async #ask(query) {
    const headers = { Authorization: `Bearer ${this.key}` };
    const response = await this.page.request.post(new URL("/graphql", this.page.url()).href, { data: { query }, headers });
    const { data, errors } = await response.json();
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  }
}

class Folder {
  constructor(row) {
    this.row = row;
  }

  /** Waits until the row shows this text. */
  async shows(text) {
    await this.row.locator(".value").getByText(text, { exact: true }).waitFor();
  }

  /** By the keyboard alone: opens the editor and writes over what is there. */
  async type(path) {
    await this.row.getByRole("button", { name: /^Edit/ }).press("Enter");
    await this.row.page().keyboard.type(path);
  }

  async save(path) {
    await this.type(path);
    await this.row.page().keyboard.press("Enter");
  }

  async choose(name) {
    await this.row.getByRole("button", { name }).click();
  }

  /** What the row warns of, once it does. */
  async problem() {
    const alert = this.row.getByRole("alert").filter({ hasText: /./ });
    await alert.waitFor();
    return alert.innerText();
  }
}
