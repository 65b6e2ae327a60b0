// npm run demo: sets up what is missing, builds if anything changed, starts the demo. Arguments go to `mtxpilot demo`.
import { spawn } from 'node:child_process';
import { buildIfOld, ensurePackages, ensurePrograms } from './setup.mjs';

ensurePackages();
// Real servers take their streams from ffmpeg; stand-ins bring theirs along.
ensurePrograms([...(process.env.HAPROXY_BIN ? [] : ['haproxy']), ...(process.env.MEDIAMTX_BIN ? ['ffmpeg'] : [])]);
buildIfOld();
const demo = spawn(process.execPath, ['dist/cli/main.js', 'demo', ...process.argv.slice(2)], { stdio: 'inherit' });
// Ctrl-C (and the end of a terminal) reaches the demo by itself; this process only has to outlive it.
for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'])
  process.on(signal, () => signal === 'SIGTERM' && demo.kill(signal));
demo.once('exit', (code) => process.exit(code ?? 1));
