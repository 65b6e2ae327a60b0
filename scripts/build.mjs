// Compiles src/ into dist/, bundles the dashboard from ui/, and copies what is not TypeScript (pages, media clips).
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { buildSync } from 'esbuild';

rmSync('dist', { recursive: true, force: true });
const tsc = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
  stdio: 'inherit',
});
if (tsc.status !== 0) process.exit(tsc.status ?? 1);
for (const folder of ['sim/media', 'relay/media', 'demo/page']) {
  if (existsSync(`src/${folder}`)) cpSync(`src/${folder}`, `dist/${folder}`, { recursive: true });
}
// hls.js is a file of its own, which is only fetched for a preview.
buildSync({
  entryPoints: ['ui/dashboard.tsx', 'ui/dashboard.css'],
  outdir: 'dist/api/page',
  bundle: true,
  splitting: true,
  format: 'esm',
  target: ['es2022', 'chrome123', 'firefox120', 'safari17.5'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  minify: true,
  tsconfig: 'ui/tsconfig.json',
  logLevel: 'warning',
});
for (const file of ['index.html', 'icon.svg']) cpSync(`ui/${file}`, `dist/api/page/${file}`);
// Commands that ask the agent start at once: all that they need is in one file, which Node reads in a tenth of the time that hundreds of files take. What
// runs programs, or reads configuration, is left where it is.
buildSync({
  entryPoints: ['src/cli/run-command-line.ts'],
  outfile: 'dist/cli/run-command-line.js',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['../version', './agent', './relay', './sim', './demo', './check', './config'],
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: 'warning',
});
chmodSync('dist/cli/main.js', 0o755);
// Last of all: only a whole build has it.
writeFileSync('dist/.built', '');
