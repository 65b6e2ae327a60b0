/**
 * The arrows of the architecture: spoe, http, peers -> router -> directory -> mediamtx; control -> runtime, directory.
 * Codecs and parsers import nothing of the project.
 */
/** What every folder may use. */
const ground = ['log', 'record-time', 'stream-pattern', 'time-histogram'];
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
  to: { path: '^src/', pathNot: `^src/${path.split('/')[0]}/` },
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
    only('spoe', ['router']),
    only('http', [
      'router',
      'directory',
      'viewers',
      'metrics',
      'control/(views|intent)',
      'events',
      'config/duration',
      'history',
      'performance',
    ]),
    only('router', ['directory']),
    only('directory', ['mediamtx']),
    only('mediamtx', []),
    only('runtime', []),
    only('control', ['runtime', 'directory', 'store', 'events/event']),
    only('store', []),
    only('events', ['store']),
    only('performance', []),
    only('peers', ['viewers']),
    only('viewers', ['directory', 'runtime']),
    only('sim', []),
    only('config', ['events/event']),
    only('check', ['config', 'runtime', 'mediamtx']),
    pure('spoe/(varint|typed-data|payload|frame|frame-reader)'),
    pure('peers/(varint|data-type|definition|dictionary|update|received-tables|message|message-reader|hello)'),
    pure('viewers/(timing-wheel|tally|viewer-columns|node-list)'),
    pure('runtime/parse'),
    pure('check/(split-line|block-condition|parse-config|parse-spoe-config|rule-condition|haproxy-time)'),
    confined('express', ['http/']),
    confined('commander', ['cli/']),
    confined('node-cache', ['directory/']),
    confined('prom-client', ['metrics']),
    confined('undici', ['mediamtx/', 'cli/', 'demo/', 'events/deliver']),
    confined('classic-level', ['store/']),
    confined('ioredis', ['store/']),
    confined('net', [
      'spoe/(server|read-in-place)',
      'peers/server',
      'runtime/client',
      'sim/',
      'demo/',
      'check/trusted-proxy',
    ]),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
