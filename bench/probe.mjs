// Asks HAProxy something that it answers by itself, every millisecond, and writes the times that it took (ms, JSON) when its input ends.
import { Agent, request } from 'node:http';

const [host, port] = (process.argv[2] ?? '').split(':');
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const times = [];
let isOver = false;
process.stdin.on('end', () => (isOver = true)).resume();

function ask() {
  if (isOver) {
    process.stdout.write(JSON.stringify(times), () => process.exit(0));
    return;
  }
  const started = performance.now();
  request({ host, port, path: '/', agent }, (response) => {
    response.resume().once('end', () => {
      times.push(performance.now() - started);
      setTimeout(ask, 1);
    });
  })
    .once('error', () => setTimeout(ask, 1))
    .end();
}
ask();
