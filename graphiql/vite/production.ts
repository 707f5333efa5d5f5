import type { Plugin } from "vite";

const CHECK = "globalThis.process &&";

/**
 * graphql asks `globalThis.process` whether this is production, and a browser has none: the build would keep a check
 * for developers, slow, with a hint for people who install packages and the address of a package manager in it.
 * Without that question, what the build knows about production decides, and the check goes.
 */
export function productionGraphql(): Plugin {
  return {
    name: "production-graphql",
    apply: "build",
    transform(code, id) {
      if (!/\/graphql\/jsutils\/instanceOf\.m?js$/.test(id)) return null;
      if (!code.includes(CHECK)) this.error(`"${CHECK}" is not there any more: does graphql still ask?`);
      return { code: code.replace(CHECK, ""), map: null };
    },
  };
}
