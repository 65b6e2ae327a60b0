import type { RegisterCommand } from './terminal';

/** A command as `--help` lists it, and how to get the rest of it: a command that is not asked for is not loaded. */
export interface CommandEntry {
  readonly name: string;
  /** The heading under which it stands; undefined: it is not listed. */
  readonly group: 'Run' | 'Look' | 'Operate' | 'Shell' | undefined;
  /** One line. */
  readonly summary: string;
  readonly load: () => RegisterCommand;
}

// `require`, not `import()`: that would start Node's other loader, which takes longer than all the rest.
/* eslint-disable @typescript-eslint/no-require-imports */
/** Every command, in the order of --help. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'agent',
    group: 'Run',
    summary: 'the sidecar: tells HAProxy which server has a stream',
    load: () => (require('./agent') as typeof import('./agent')).agent,
  },
  {
    name: 'relay',
    group: 'Run',
    summary: "an origin for providers' URLs, with failover",
    load: () => (require('./relay') as typeof import('./relay')).relay,
  },
  {
    name: 'sim',
    group: 'Run',
    summary: 'stand-in MediaMTX servers',
    load: () => (require('./sim') as typeof import('./sim')).sim,
  },
  {
    name: 'demo',
    group: 'Run',
    summary: 'servers, publishers, HAProxy, agent and players, in one go',
    load: () => (require('./demo') as typeof import('./demo')).demo,
  },
  {
    name: 'check',
    group: 'Look',
    summary: 'the preflight: files, HAProxy, servers and agent',
    load: () => (require('./check') as typeof import('./check')).check,
  },
  {
    name: 'config',
    group: 'Look',
    summary: 'the configuration in effect, and where it comes from',
    load: () => (require('./config') as typeof import('./config')).config,
  },
  {
    name: 'where',
    group: 'Look',
    summary: 'where a viewer of a stream is sent now',
    load: () => (require('./where') as typeof import('./where')).where,
  },
  {
    name: 'why',
    group: 'Look',
    summary: 'why a stream goes where it goes, and what happens next',
    load: () => (require('./why') as typeof import('./why')).why,
  },
  {
    name: 'streams',
    group: 'Look',
    summary: 'live streams, their servers and viewers',
    load: () => (require('./streams') as typeof import('./streams')).streams,
  },
  {
    name: 'servers',
    group: 'Look',
    summary: 'servers, their states and Control APIs',
    load: () => (require('./servers') as typeof import('./servers')).servers,
  },
  {
    name: 'viewers',
    group: 'Look',
    summary: 'who is watching',
    load: () => (require('./viewers') as typeof import('./viewers')).viewers,
  },
  {
    name: 'events',
    group: 'Look',
    summary: 'what happened, and which webhooks receive it',
    load: () => (require('./events') as typeof import('./events')).events,
  },
  {
    name: 'drain',
    group: 'Operate',
    summary: 'send new viewers elsewhere until a server is safe to stop',
    load: () => (require('./drain') as typeof import('./drain')).drain,
  },
  {
    name: 'maint',
    group: 'Operate',
    summary: 'take a server out altogether',
    load: () => (require('./maint') as typeof import('./maint')).maint,
  },
  {
    name: 'ready',
    group: 'Operate',
    summary: 'use a server again',
    load: () => (require('./ready') as typeof import('./ready')).ready,
  },
  {
    name: 'move',
    group: 'Operate',
    summary: 'send new viewers of a stream to one server',
    load: () => (require('./move') as typeof import('./move')).move,
  },
  {
    name: 'completion',
    group: 'Shell',
    summary: 'the completion script for bash or zsh',
    load: () => (require('./completion') as typeof import('./completion')).completion,
  },
  {
    name: 'complete',
    group: undefined,
    summary: '',
    load: () => (require('./complete') as typeof import('./complete')).complete,
  },
];
