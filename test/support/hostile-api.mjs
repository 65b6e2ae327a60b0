// A Control API that answers with whatever may hurt: `/<shape>/v3/…`. Its own process, so that making answers costs the tested one nothing.
import { createServer } from 'node:http';
import { gzipSync } from 'node:zlib';

const megabyte = 1024 * 1024;
const times = (text, bytes) => text.repeat(Math.ceil(bytes / text.length));
const item = (name, more = '') =>
  `{"name":"${name}","ready":true,"readyTime":"2026-01-01T00:00:00Z","source":{"type":"rtspSession","id":""}${more}}`;
const list = (items) => `{"itemCount":1,"pageCount":1,"items":[${items}]}`;
const names = (count, begin) => Array.from({ length: count }, (_, i) => item(`${begin}/${i}`)).join();
const distinct = (bytes) => Array.from({ length: bytes / 14 }, (_, i) => `"k${String(i).padStart(9, '0')}":0`).join();
const forEver = (text) => (response) => {
  const write = () => {
    while (!response.destroyed && response.write(text));
    if (!response.destroyed) response.once('drain', write);
  };
  write();
};
const inTinyChunks = (status) => (response) => {
  response.statusCode = status;
  response.socket.setNoDelay(false);
  response.socket.cork();
  response.flushHeaders();
  for (const letter of list(names(500, 'live'))) response.write(letter);
  response.end();
  response.socket.uncork();
};
let round = 0;

/** The answer to a list by shape: a text, or what writes it. A lookup gets the first item of a text's list, or the same. */
const shapes = {
  control: () => list(names(1_000, 'live')),
  'lists in the frame': () => `{${times('"a":[],', megabyte)}"items":[]}`,
  'nested lists': () => times('[', megabyte),
  'nested lists called items': () => times('{"items":[', megabyte),
  'nested objects': () => times('{"a":', megabyte),
  'nested lists in an item': () => `{"items":[{"a":${times('[', megabyte)}`,
  'nested objects in an item': () => `{"items":[{"a":${times('{"a":', megabyte)}`,
  'many lists in an item': () => list(`{"name":"a"${times(',"a":[]', megabyte)}}`),
  'many objects in an item': () => list(item('a', `,"readers":[{}${times(',{}', megabyte)}]`)),
  'many keys in an item': () => list(item('a', `,${distinct(megabyte)}`)),
  'many keys in an object of an item': () => list(item('a', `,"x":{${distinct(megabyte)}}`)),
  'as many keys as may be': () =>
    list(Array.from({ length: 60 }, (_, i) => item(`a${i}`, `,${distinct(60_000)}`)).join()),
  'many keys around the items': () => `{${distinct(megabyte)},"items":[]}`,
  'no commas': () => `{"items":[${times('{}', megabyte)}]}`,
  'empty items': () => list(`{}${times(',{}', megabyte)}`),
  'small items': () => list(`{"name":"a"}${times(',{"name":"a"}', 2 * megabyte)}`),
  'the same live item': () => list(`${item('a')}${times(`,${item('a')}`, 2 * megabyte)}`),
  'numbers instead of items': () => list(`0${times(',0', megabyte)}`),
  'a huge number': () => list(times('1', megabyte)),
  'a huge text': () => `{"items":["${times('a', megabyte)}`,
  'a huge text in an item': () => `{"items":[{"name":"${times('a', megabyte)}`,
  'a huge text in a reader': () => list(item('a', `,"readers":[{"id":"${times('a', megabyte)}"}]`)),
  'escapes only': () => `{"items":[{"readers":[{"id":"${times('\\\\', megabyte)}`,
  'white space': () => `{"items":[${item('a')}${times(' ', megabyte)},${item('b')}]}`,
  'many readers': () =>
    list(
      item(
        'a',
        `,"readers":[${Array.from({ length: 100_000 }, (_, i) => `{"type":"rtspSession","id":"${i}"}`).join()}]`,
      ),
    ),
  'readers of made-up types': () =>
    list(
      item(
        'a',
        `,"readers":[${Array.from({ length: 100_000 }, (_, i) => `{"type":"t${'abcdefghij'[i % 10]}"}`).join()}]`,
      ),
    ),
  'many tracks': () => list(item('a', `,"tracks":["H264"${times(',"H264"', 60_000)}]`)),
  'made-up tracks': () =>
    list(Array.from({ length: 10_000 }, (_, i) => item(`a${i}`, `,"tracks":["t${i}"],"x":"${i}"`)).join()),
  '100,000 names, then others': () => list(names(100_000, `made-up-${round++}`)),
  '50,000 idle names, then others': () =>
    list(names(50_000, `idle-${round++}`).replaceAll('"ready":true', '"ready":false')),
  '20,000 names of 200 letters': () =>
    list(Array.from({ length: 20_000 }, (_, i) => item(`${times('a', 190)}${i}`.slice(-200))).join()),
  'many pages': () => `{"pageCount":20,"items":[${names(5_000, 'live')}]}`,
  'tiny chunks': inTinyChunks(200),
  'an error in tiny chunks': inTinyChunks(500),
  'white space without end': forEver(times(' ', 65_536)),
  'empty items without end': (response) => {
    response.write('{"items":[{}');
    forEver(times(',{}', 65_535))(response);
  },
  'live items without end': (response) => {
    response.write(`{"items":[${item('a')}`);
    let i = 0;
    const write = () => {
      while (!response.destroyed && response.write(`,${names(500, `endless/${i++}`)}`));
      if (!response.destroyed) response.once('drain', write);
    };
    write();
  },
  'a slow drip': (response) => {
    const timer = setInterval(() => response.write(' '), 1);
    response.once('close', () => clearInterval(timer));
  },
  'compressed unasked': (response) => {
    response.setHeader('content-encoding', 'gzip');
    response.end(gzipSync(times(' ', 16 * megabyte)));
  },
  'huge headers': (response) => {
    for (let i = 0; i < 200; i++) response.setHeader(`x-${i}`, times('a', 8_000));
    response.end('{}');
  },
  'an error of 1 MB': (response) => response.writeHead(500).end(`{${distinct(megabyte)}}`),
};

const made = new Map();
function answerOf(shape) {
  const make = shapes[shape];
  if (make.length > 0) return make;
  if (shape.endsWith('then others')) return make();
  if (!made.has(shape)) made.set(shape, make());
  return made.get(shape);
}

const server = createServer({ maxHeaderSize: 65_536 }, (request, response) => {
  const [, shape = '', ...path] = decodeURIComponent(request.url ?? '').split('/');
  const answer = Object.hasOwn(shapes, shape) ? answerOf(shape) : '';
  if (typeof answer === 'function') return void answer(response);
  // A lookup is answered with the inside of the list, which is one item where there is one; `info` as well.
  const isList = path.join('/').startsWith('v3/paths/list');
  response.end(isList ? answer : answer.replace(/^\{[^[]*"items":\[/, '').replace(/\]\}$/, ''));
});
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ port: server.address().port, shapes: Object.keys(shapes) }));
});
process.stdin.resume().once('end', () => process.exit(0));
