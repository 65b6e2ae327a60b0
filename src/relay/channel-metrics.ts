import { type Collector, counter, gauge, samplesOf } from '../measure';
import type { ChannelFill } from './channel';
import { fetchedKinds } from './channel-stats';
import type { Channels } from './channels';

type Source = Pick<Channels, 'count' | 'fill' | 'stats'>;

export const channelMetrics: Collector<Source> = {
  component: 'Relay',
  metrics: {
    mtxpilot_relay_channels: gauge('HLS streams that are read for their players.', ({ count }) => count),
    mtxpilot_relay_channel_segments: gauge('Segments of main playlists that are held, of all channels.', (source) =>
      sumOf(source, ({ segments }) => segments),
    ),
    mtxpilot_relay_channel_fill_seconds: gauge('What these segments last together.', (source) =>
      sumOf(source, ({ seconds }) => seconds),
    ),
    mtxpilot_relay_channel_bytes: gauge('Bytes of all segments that are held.', (source) =>
      sumOf(source, ({ bytes }) => bytes),
    ),
    mtxpilot_relay_channel_underruns_total: counter(
      'Times a channel had nothing new for three target durations, after which players have nothing left to play.',
      ({ stats }) => stats.underruns,
    ),
    mtxpilot_relay_channel_missing_segments_total: counter(
      'Segments that no source had, which players pass over.',
      ({ stats }) => stats.missingSegments,
    ),
    mtxpilot_relay_channel_fetches_total: counter(
      'What was asked of providers for channels. what=playlist, segment, init, key. result=ok: it came whole; else why not, as in mtxpilot_relay_provider_connects_total.',
      ['what', 'result'],
      ({ stats }) => fetchedKinds.flatMap((kind) => samplesOf(stats.fetches[kind], kind)),
    ),
  },
};

function sumOf({ fill }: Source, of: (fill: ChannelFill) => number): number {
  let sum = 0;
  for (const one of fill()) sum += of(one);
  return sum;
}
