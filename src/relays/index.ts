export { createRelayViews, type RelayPlace, type RelayViews } from './relay-views';
