export { type Loaded, loadSettings } from './load';
export { mediamtxAccess } from './mediamtx-access';
export { originText } from './origin';
export { printSettings, writtenSettings } from './print';
export { renderReference } from './reference';
export type { Settings } from './schema';
export { settingKeys } from './setting-keys';
export type { FlagSetting } from './text-source';
