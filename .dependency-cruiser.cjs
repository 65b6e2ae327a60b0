/**
 * The arrows of the architecture, one way: cli -> programs -> api, check -> http, spoe, peers -> router, control, viewers -> directory, events ->
 * mediamtx, runtime, store -> hls, wire, measure. A room is entered by its index only. Codecs and parsers import nothing of the project but wire.
 */
const programs = ['agent', 'relay', 'sim', 'demo'];
/** What every folder may use. */
const ground = ['log', 'measure', 'wire'];
const only = (folder, allowed) => ({
  name: `${folder}-imports`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: { path: '^src/', pathNot: [folder, ...allowed, ...ground].map((name) => `^src/${name}(/|\\.ts$)`) },
});
const confined = (library, places) => ({
  name: `${library}-only-in-${places.join('-').replaceAll('/', '.')}`,
  severity: 'error',
  from: { path: '^src/', pathNot: places.map((place) => `^src/${place}`) },
  to: { path: `(^|node_modules/)${library}(/|$)` },
});
const pure = (path) => ({
  name: `pure-${path}`,
  severity: 'error',
  from: { path: `^src/${path}` },
  to: { path: '^src/', pathNot: [`^src/${path.split('/')[0]}/`, '^src/wire/'] },
});

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: 'cli/main|/page/' },
      to: {},
    },
    {
      name: 'rooms-by-their-index',
      severity: 'error',
      from: { path: '^src/([^/]+)/' },
      // What the API says is a room within a room: commands and the page need no more of it.
      to: { path: '^src/[^/]+/', pathNot: ['^src/$1/', '^src/[^/]+/index\\.ts$', '^src/api/schemas/index\\.ts$'] },
    },
    {
      name: 'programs-only-from-cli',
      severity: 'error',
      from: { path: '^src/(?!cli/)([^/]+)/' },
      to: { path: programs.map((name) => `^src/${name}/`), pathNot: '^src/$1/' },
    },
    {
      name: 'only-log-and-version-beside-the-rooms',
      severity: 'error',
      from: { path: '^src/(?!(log|version)\\.ts)[^/]+\\.ts$' },
      to: {},
    },
    only('wire', []),
    only('measure', []),
    only('mpegts', []),
    only('hls', []),
    only('mediamtx', []),
    only('runtime', []),
    only('store', []),
    only('directory', ['mediamtx']),
    only('events', ['mediamtx', 'store']),
    only('router', ['directory', 'mediamtx']),
    only('viewers', ['directory', 'mediamtx', 'runtime', 'store']),
    only('control', ['directory', 'events', 'mediamtx', 'runtime', 'store']),
    only('spoe', ['router', 'mediamtx']),
    only('peers', ['viewers']),
    only('http', []),
    only('config', ['events']),
    only('relays', ['api/schemas']),
    only('api', ['relays', 'http', 'router', 'directory', 'viewers', 'control', 'events', 'mediamtx']),
    only('check', ['config', 'runtime', 'mediamtx']),
    only('relay', ['api/schemas', 'config', 'http', 'events', 'store', 'hls', 'mpegts', 'version']),
    only('sim', ['mpegts']),
    pure('hls/'),
    pure('spoe/(typed-data|payload|frame|frame-reader)'),
    pure('peers/(data-type|definition|dictionary|update|received-tables|message|message-reader|hello)'),
    pure('viewers/(timing-wheel|tally|viewer-columns|node-list)'),
    pure('runtime/(parse|command|exchange|result)'),
    pure('check/(split-line|block-condition|parse-config|parse-spoe-config|rule-condition|haproxy-time)'),
    confined('express', ['http/', 'api/', 'relay/']),
    confined('commander', ['cli/']),
    confined('node-cache', ['directory/']),
    confined('prom-client', ['measure/process-metrics']),
    confined('undici', ['mediamtx/', 'relays/', 'cli/', 'demo/', 'events/deliver']),
    confined('classic-level', ['store/']),
    confined('ioredis', ['store/']),
    confined('net', [
      'wire/listen',
      'spoe/(server|read-in-place)',
      'peers/server',
      'runtime/client',
      'sim/',
      'demo/',
      'check/trusted-proxy',
      'http/hosts',
      'relay/(address-guard|provider-client|provider-connection|forwarded)',
    ]),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
