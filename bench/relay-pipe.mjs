// The least relay that Node can be: it asks the provider for each client, and pipes the answer. Arguments: host, port, the provider's URL.
import { createServer, get } from 'node:http';

const [host, port, provider] = process.argv.slice(2);
createServer({ highWaterMark: 16_384, noDelay: true }, (_req, res) => {
  const asked = get(provider, { agent: false, highWaterMark: 16_384 }, (source) => {
    res.useChunkedEncodingByDefault = false;
    res.writeHead(200, { 'content-type': 'video/mp2t', connection: 'close' });
    res.flushHeaders();
    source.pipe(res);
  });
  asked.on('error', () => res.destroy());
  res.once('close', () => asked.destroy());
}).listen(Number(port), host);
