import { formatDuration } from '../wire';
import { formatAddress, isEveryAddress, type SocketAddress } from './address';
import { hlsConflicts } from './hls-settings';
import type { CrossChecks } from './load';
import { nearest } from './nearest';
import { quoteText } from './quote-given';
import type { Settings } from './schema';
import { originText } from './source';
import { templateParameters } from './template-url';

/** `timeout processing` of the shipped spoe.cfg: what comes later than that, HAProxy no longer reads. */
const haproxyProcessingMs = 100;

/** What no key of the agent shows alone. */
export const crossChecks: CrossChecks<Settings> = (settings, originOf) => {
  const at = (key: string): string => {
    const origin = originOf(key);
    return origin === undefined ? key : `${originText(origin)}: ${key}`;
  };
  const errors: string[] = [];
  const warnings: string[] = [];
  const { spoe, http, lookup, directory, mediamtx, servers } = settings;

  const listens = [
    { key: 'spoe.listen', address: spoe.listen },
    { key: 'http.listen', address: http.listen },
    { key: 'peers.listen', address: settings.peers.listen },
    { key: 'http.adminSocket', address: http.adminSocket === 'auto' ? null : http.adminSocket },
  ];
  for (const [index, one] of listens.entries()) {
    for (const other of listens.slice(index + 1)) {
      if (one.address === null || other.address === null || !isSamePlace(one.address, other.address)) continue;
      // Blamed is the one that somebody wrote.
      const [later, earlier] = originOf(other.key) === undefined ? [one, other] : [other, one];
      errors.push(
        `${at(later.key)}: ${formatAddress(later === one ? one.address : other.address)} is taken by ${earlier.key} (${originText(originOf(earlier.key))}), give each its own`,
      );
    }
  }
  const { backend, relayBackend } = settings.haproxy;
  if (backend === relayBackend) {
    const [key, other] =
      originOf('haproxy.relayBackend') === undefined ? ['backend', 'relayBackend'] : ['relayBackend', 'backend'];
    errors.push(
      `${at(`haproxy.${key}`)}: ${quoteText(backend)} is haproxy.${other} already, give relays a backend of their own`,
    );
  }
  if (lookup.deadline >= haproxyProcessingMs) {
    warnings.push(
      `${at('lookup.deadline')}: ${formatDuration(lookup.deadline)} is not below "timeout processing ${formatDuration(haproxyProcessingMs)}" of the shipped spoe.cfg: HAProxy gives up before an answer that takes that long`,
    );
  }
  if (directory.staleFor < directory.interval) {
    warnings.push(
      `${at('directory.staleFor')}: ${formatDuration(directory.staleFor)} is shorter than directory.interval (${formatDuration(directory.interval)}): streams are forgotten between two lists`,
    );
  }

  for (const [key, section] of credentials(settings)) {
    if (section.password !== undefined && section.username === undefined) {
      const given = section.passwordFile === undefined ? 'password' : 'passwordFile';
      errors.push(`${at(`${key}.${given}`)}: there is no ${key}.username that it belongs to`);
    }
  }

  errors.push(...storeErrors('store', settings.store), ...storeErrors('relay.store', settings.relay.store));

  const { hls } = settings.relay;
  for (const [name, limit] of hlsConflicts(hls)) {
    // Blamed is the one that somebody wrote.
    const isBelow = originOf(`relay.hls.${name}`) === undefined;
    const [key, other] = isBelow ? [limit, name] : [name, limit];
    const relation = isBelow ? 'less' : 'more';
    errors.push(
      `${at(`relay.hls.${key}`)}: ${hls[key]} is ${relation} than relay.hls.${other} (${hls[other]}, ${originText(originOf(`relay.hls.${other}`))})`,
    );
  }

  const accounts = Object.entries(settings.relay.accounts);
  for (const [index, [name, { match }]] of accounts.entries()) {
    const [first] = accounts.slice(0, index).find(([, earlier]) => earlier.match === match) ?? [];
    if (first === undefined) continue;
    errors.push(`${at(`relay.accounts.${name}`)}: has the same match as relay.accounts.${first}, give each its own`);
  }

  const templates = Object.entries(settings.relay.templates).map(([name, { path, url }]) => {
    return { name, asked: `${path} ${templateParameters(url).join(' ')}` };
  });
  for (const [index, { name, asked }] of templates.entries()) {
    const first = templates.slice(0, index).find((earlier) => earlier.asked === asked);
    if (first === undefined) continue;
    errors.push(
      `${at(`relay.templates.${name}`)}: has the path and the parameters of relay.templates.${first.name}, give each its own`,
    );
  }

  for (const key of ['name', 'socket'] as const) {
    const given = settings.haproxy.nodes.map((node) => (key === 'name' ? node.name : formatAddress(node.socket)));
    for (const [index, text] of given.entries()) {
      const first = given.indexOf(text);
      if (first === index) continue;
      errors.push(
        `${at('haproxy.nodes')}: haproxy.nodes[${index}].${key}: ${quoteText(text)} is the ${key} of haproxy.nodes[${first}] already`,
      );
    }
  }
  if (settings.haproxy.nodes.length > 0 && originOf('haproxy.socket') !== undefined) {
    warnings.push(
      `${at('haproxy.socket')}: not used, because haproxy.nodes lists the sockets (${originText(originOf('haproxy.nodes'))})`,
    );
  }

  function storeErrors(section: string, store: Settings['store']): string[] {
    if (store.redis !== undefined) {
      if (store.folder !== undefined) {
        return [
          `${at(`${section}.redis`)}: there is a ${section}.folder too (${originText(originOf(`${section}.folder`))}), give one of the two`,
        ];
      }
      return store.username !== undefined && store.password === undefined
        ? [`${at(`${section}.username`)}: there is no ${section}.password that belongs to it`]
        : [];
    }
    return (['username', 'password', 'passwordFile'] as const).flatMap((key) => {
      // A password that came from a file is told of by the file's key.
      if (store[key] === undefined || (key === 'password' && store.passwordFile !== undefined)) return [];
      return [`${at(`${section}.${key}`)}: there is no ${section}.redis that it belongs to`];
    });
  }

  const names = servers.map(({ name }) => name);
  for (const [index, name] of names.entries()) {
    const first = names.indexOf(name);
    if (first < index)
      errors.push(
        `${at('servers')}: servers[${index}].name: ${quoteText(name)} is the name of servers[${first}] already`,
      );
  }
  if (names.length > 0) {
    for (const name of Object.keys(mediamtx.servers)) {
      if (names.includes(name)) continue;
      const like = nearest(name, names);
      const hint = like === undefined ? `, there are ${names.slice(0, 10).join(', ')}` : `, did you mean ${like}?`;
      warnings.push(`${at(`mediamtx.servers.${name}`)}: servers has no server of that name${hint}`);
    }
    if (originOf('haproxy.socket') !== undefined) {
      warnings.push(
        `${at('haproxy.socket')}: not used, because servers lists the servers (${originText(originOf('servers'))})`,
      );
    }
  }
  return { errors, warnings };
};

type Credentials = Pick<Settings['mediamtx'], 'username' | 'password' | 'passwordFile'>;

function credentials({ mediamtx }: Settings): [string, Credentials][] {
  const overrides = Object.entries(mediamtx.servers).map(([name, override]): [string, Credentials] => [
    `mediamtx.servers.${name}`,
    { ...override, username: override.username ?? mediamtx.username },
  ]);
  return [['mediamtx', mediamtx], ...overrides];
}

/** Whether two addresses cannot both be listened on; port 0 is any free port. */
function isSamePlace(left: SocketAddress, right: SocketAddress): boolean {
  if ('path' in left || 'path' in right) return 'path' in left && 'path' in right && left.path === right.path;
  if (left.port !== right.port || left.port === 0) return false;
  return (
    isEveryAddress(left.host) || isEveryAddress(right.host) || left.host.toLowerCase() === right.host.toLowerCase()
  );
}
