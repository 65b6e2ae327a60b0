import { crossChecks } from './cross-checks';
import { type Loaded as LoadedSettings, type LoadOptions, loadSettings as load } from './load';
import { printSettings as print, writtenSettings as written } from './print';
import { renderReference as render } from './reference';
import { createRegistry } from './registry';
import { relayVariables } from './relay-variables';
import { type Settings, settingsSchema } from './schema';
import type { Origin } from './source';

/** All keys of the executable. A further program joins its section to the schema, and its cross-checks to those of the agent, here. */
const registry = createRegistry(settingsSchema);

export type Loaded = LoadedSettings<Settings>;
export const settingKeys = registry.keys;
export const loadSettings = (options: LoadOptions) => load(registry, crossChecks, options);
/** For `mtxpilot relay`, which reads the environment that users of m3u-proxy have as well. */
export const loadRelaySettings = (options: LoadOptions) => loadSettings({ ...options, otherVariables: relayVariables });
export const writtenSettings = (settings: Settings) => written(registry, settings);
export const printSettings = (settings: Settings, origins: Readonly<Record<string, Origin>>) =>
  print(registry, settings, origins);
export const renderReference = () => render(registry);
