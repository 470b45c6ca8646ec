import { defineConfig } from 'vite';

/* While developing, `ODENET_URL=http://127.0.0.1:7433 npm run dev` shows a running daemon. */
const daemon = process.env.ODENET_URL ?? 'http://127.0.0.1:7433';
const passed = ['/v1', '/version', '/livez', '/readyz'];

export default defineConfig({
  base: '/',
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    sourcemap: false,
    assetsInlineLimit: 0, // the page's policy allows no data: addresses
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    host: '127.0.0.1',
    proxy: Object.fromEntries(passed.map((p) => [p, { target: daemon, changeOrigin: true }])),
  },
});
