import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Plugin } from "vite";

const FACE = /@font-face\s*\{[^}]*\}/g;
const EMBEDDED = /url\(data:font\/(\w+);base64,([^)]+)\)/g;

/**
 * GraphiQL's style sheet embeds 30 fonts. Those for Latin text stay, as files of their own: the browser loads
 * what it needs, and the policy of the page needs no exception. Other scripts are shown in a font of the system.
 */
export function fewerFonts(): Plugin {
  return {
    name: "fewer-fonts",
    enforce: "pre",
    transform(code, id) {
      if (!/graphiql.*\.css$/.test(id)) return null;
      const kept = code.replace(FACE, (face) => (isNeeded(face) ? face : ""));
      return kept.replace(EMBEDDED, (_, format: string, text: string) => {
        const source = Buffer.from(text, "base64");
        const digest = createHash("sha256").update(source).digest("hex").slice(0, 8);
        const file = this.emitFile({ type: "asset", name: `font-${digest}.${format}`, source });
        return `url(__VITE_ASSET__${file}__)`;
      });
    },
  };
}

function isNeeded(face: string): boolean {
  const range = /unicode-range:\s*([^;]+)/.exec(face)?.[1];
  return !/font-style:\s*italic/.test(face) && (range === undefined || /U\+0(000|100)-/.test(range));
}
