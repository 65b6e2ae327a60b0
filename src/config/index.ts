export {
  bracketed,
  formatAddress,
  isEveryAddress,
  parseHostPort,
  parseSocketAddress,
  type SocketAddress,
} from './address';
export { eventReceivers } from './event-receivers';
export { haproxyNodes } from './haproxy-nodes';
export {
  type HlsSettingName,
  hlsConflicts,
  hlsDurations,
  hlsRanges,
  hlsSettingNames,
  hlsUsersName,
} from './hls-settings';
export { mediamtxAccess, type ServerToAsk } from './mediamtx-access';
export type { Settings } from './schema';
export {
  type Loaded,
  loadRelaySettings,
  loadSettings,
  printSettings,
  renderReference,
  settingKeys,
  writtenSettings,
} from './settings';
export { originText } from './source';
export { templateParameters } from './template-url';
export type { FlagSetting } from './text-source';
