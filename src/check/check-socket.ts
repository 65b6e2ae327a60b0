import { type ConfigContext, plainAddress } from './config-context';
import { type Finding, right, wrong } from './finding';
import { type ConfigLine, linesOf, valueAfter } from './parse-config';

/** Is there a Runtime socket at admin level, where the agent looks for it, and closed to others? */
export function checkSocket({ config, expected, backend }: ConfigContext): Finding[] {
  const sockets = linesOf(config, 'global').filter(
    ({ words }) => words[0] === 'stats' && words[1] === 'socket' && words[2] !== undefined,
  );
  const wanted = expected.sockets.join(', ');
  const change = `"stats socket ${expected.sockets[0] ?? '/run/haproxy/admin.sock'} mode 660 level admin expose-fd listeners"`;
  if (sockets.length === 0) {
    const place = config.sections.find(({ kind }) => kind === 'global') ?? backend;
    return [wrong('error', 'socket.admin', 'There is no "stats socket".', place, `add ${change} to global`)];
  }
  const mine = sockets.find(({ words }) =>
    expected.sockets.includes(plainAddress(words[2] ?? '').replace(/^\*:/, '0.0.0.0:')),
  );
  const findings = sockets.filter(isExposed).map((line) => {
    const what = `The socket ${line.words[2] ?? ''} is open to other machines at admin level.`;
    return wrong('error', 'socket.exposed', what, line, `write ${change}`);
  });
  if (findings.length === 0) findings.push(right('socket.exposed', 'No admin socket is open to other machines.'));
  const [first] = sockets;
  findings.push(
    mine === undefined
      ? wrong(
          'warning',
          'socket.address',
          `HAProxy opens ${sockets.map(({ words }) => words[2]).join(', ')}, and the agent asks ${wanted} (haproxy.socket).`,
          first,
          `write ${change}, or set haproxy.socket in mtxpilot.yaml`,
        )
      : right('socket.address', `The agent asks the socket that HAProxy opens (${wanted}).`),
  );
  const used = mine ?? first;
  const level = used === undefined ? 'operator' : levelOf(used);
  findings.push(
    level === 'admin'
      ? right('socket.admin', 'The Runtime socket has level admin.')
      : wrong('error', 'socket.admin', `The Runtime socket has level ${level}.`, used, 'add "level admin"'),
  );
  return findings;
}

/** HAProxy's own default is operator. */
function levelOf({ words }: ConfigLine): string {
  return valueAfter(words, 'level') ?? 'operator';
}

function isExposed(line: ConfigLine): boolean {
  const address = (line.words[2] ?? '').replace(/^(?:ipv4|ipv6|tcp)@/, '');
  const isNetwork = !/^(?:\/|unix@|abns@|fd@|sockpair@)/.test(address) && /:\d+$/.test(address);
  return isNetwork && levelOf(line) === 'admin' && !/^(?:127\.|localhost:|\[?::1\]?:)/.test(address);
}
