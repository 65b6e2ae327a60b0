// Takes events: writes the port that it listens on, then answers every POST with 204 and every GET with how many came.
import { createServer } from 'node:http';

let taken = 0;
const server = createServer((request, response) => {
  request.resume().once('end', () => {
    if (request.method === 'GET') response.end(String(taken));
    else {
      taken++;
      response.writeHead(204).end();
    }
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
