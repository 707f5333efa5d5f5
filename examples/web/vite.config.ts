import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The page and the service share an origin: the browser asks nobody for permission, and no setting of the service
// is needed. `changeOrigin` stays off: a WebSocket is accepted where the Host is that of the page.
const proxy = { "/graphql": { target: process.env.SERVICE_URL ?? "http://127.0.0.1:8000", ws: true } };

export default defineConfig({
  plugins: [react()],
  server: { proxy },
  preview: { proxy },
});
