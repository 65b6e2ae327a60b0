/*
 * What a stick table may hold for a key, by the bit of its data mask (HAProxy's STKTABLE_DT_*). On the wire:
 *
 *   int          one varint
 *   freq         three varints: age of the current period (ms), its count, the count of the period before
 *   dict         varint length (0: none), and in these bytes: varint id, then, unless the id was defined before, varint length and text
 *   array        its elements in a row; how many, the table's definition says
 */

export type DataKind = 'int' | 'freq' | 'dict' | 'int-array' | 'freq-array';

/** The bits that the agent makes something of. */
export const dataBit = { serverId: 0, bytesOut: 15, serverKey: 19 } as const;

/** By bit number. A bit beyond the list is of a HAProxy that is newer than this list: its values cannot be read, nor any after them. */
export const dataKinds: readonly DataKind[] = [
  'int', // server_id
  'int', // gpt0
  'int', // gpc0
  'freq', // gpc0_rate
  'int', // conn_cnt
  'freq', // conn_rate
  'int', // conn_cur
  'int', // sess_cnt
  'freq', // sess_rate
  'int', // http_req_cnt
  'freq', // http_req_rate
  'int', // http_err_cnt
  'freq', // http_err_rate
  'int', // bytes_in_cnt
  'freq', // bytes_in_rate
  'int', // bytes_out_cnt
  'freq', // bytes_out_rate
  'int', // gpc1
  'freq', // gpc1_rate
  'dict', // server_key
  'int', // http_fail_cnt
  'freq', // http_fail_rate
  'int-array', // gpt
  'int-array', // gpc
  'freq-array', // gpc_rate
  'int', // glitch_cnt, HAProxy 3.0
  'freq', // glitch_rate, HAProxy 3.0
];
