import { defineConfig } from "vite";
import { compressed } from "./vite/compressed.ts";
import { fewerFonts } from "./vite/fonts.ts";
import { productionGraphql } from "./vite/production.ts";

export default defineConfig({
  // Relative, so that the page also works below a prefix: from /graphql to /graphiql/.
  base: "./",
  plugins: [fewerFonts(), productionGraphql(), compressed()],
  build: {
    outDir: "../gateway/http/static",
    assetsDir: "graphiql",
    emptyOutDir: true,
    // A font in a data URI would need its own exception of the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    // GraphiQL names its icons, for screen readers, by the functions that draw them.
    rolldownOptions: { output: { keepNames: true } },
    chunkSizeWarningLimit: 4000,
  },
  // A worker is built by itself, with plugins of its own.
  worker: { format: "es", plugins: () => [productionGraphql()] },
});
