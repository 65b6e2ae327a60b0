import { checkAgentBackend } from './check-agent-backend';
import { checkBridge } from './check-bridge';
import { checkForwarded } from './check-forwarded';
import { checkMemory } from './check-memory';
import { checkPeers } from './check-peers';
import { checkRelays } from './check-relays';
import { checkRoutesMap } from './check-routes-map';
import { checkRouting } from './check-routing';
import { checkSocket } from './check-socket';
import { contextOf, type ExpectedOfConfig, type LoadedConfig } from './config-context';
import { type Finding, wrong } from './finding';

/** Everything that can be told from the configuration files alone. Pure; the order is that of the questions. */
export function checkConfig(loaded: LoadedConfig, expected: ExpectedOfConfig): Finding[] {
  const { config } = loaded;
  const remarks = [
    ...config.mistakes.map((mistake) =>
      wrong('error', 'config.valid', `HAProxy will not read this line: ${mistake.message}.`, mistake, 'correct it'),
    ),
    ...config.undecided.map((open) =>
      wrong(
        'warning',
        'config.conditions',
        `Whether ${open.message} holds cannot be decided here.`,
        open,
        'look at both cases',
      ),
    ),
  ];
  const context = contextOf(loaded, expected);
  if (context === undefined) {
    const backends = config.sections
      .filter(({ kind }) => kind === 'backend' || kind === 'listen')
      .map(({ name }) => name);
    const what = `There is no backend ${expected.backend}; there are ${backends.join(', ') || 'none'}.`;
    const change = 'name the backend with the MediaMTX servers in haproxy.backend of mtxpilot.yaml';
    return [...remarks, wrong('error', 'config.backend', what, config.sections[0], change)];
  }
  return [
    ...remarks,
    ...checkBridge(context),
    ...checkAgentBackend(context),
    ...checkRoutesMap(context),
    ...checkRouting(context),
    ...checkMemory(context),
    ...checkPeers(context),
    ...checkSocket(context),
    ...checkForwarded(context),
    ...checkRelays(context),
  ];
}
