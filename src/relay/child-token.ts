import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';

/** What a URL that a playlist of the relay names leads to. */
export interface HlsChild {
  readonly kind: ChildKind;
  /** Of playlists: which one of its kind in the master playlist, from 0. */
  readonly ordinal: number;
  /** Index of the source that it is of. */
  readonly source: number;
  /** At the provider, with its credentials. */
  readonly url: string;
}

/** Playlists (of variants, renditions, I-frames, images, and others), segments, what belongs to them, keys, JSON. */
export const childKinds = [
  'variant',
  'rendition',
  'iframes',
  'images',
  'playlist',
  'segment',
  'part-of',
  'key',
  'data',
] as const;
export type ChildKind = (typeof childKinds)[number];

/** Whose child it is: in another session or stream it means nothing. */
export interface TokenOwner {
  readonly streamId: string;
  readonly sessionId: string;
}

/** Hides the URLs of providers in tokens that only this relay, or one with the same key, can make and read. */
export interface ChildTokens {
  /** The same child has the same token: a byte range without offset must be of the same URL, and caches go by it. */
  seal(owner: TokenOwner, child: HlsChild): string;
  /** @returns undefined for what was not sealed for this owner. */
  open(owner: TokenOwner, token: string): HlsChild | undefined;
}

const macLength = 16;

/*
 * Token, in base64url:
 *
 *   16 bytes   HMAC-SHA256 of owner and child, cut
 *   the rest   the child in AES-256-CTR, begun with these 16 bytes
 *
 * The authentication code is the initialization vector (as in RFC 5297): nothing is random, and nothing is told but that two tokens are the same.
 */
export function createChildTokens(key: Buffer): ChildTokens {
  const macKey = createHmac('sha256', key).update('hls child: code').digest();
  const cipherKey = createHmac('sha256', key).update('hls child: cipher').digest();

  function codeOf({ streamId, sessionId }: TokenOwner, text: string): Buffer {
    return createHmac('sha256', macKey).update(`${streamId}\n${sessionId}\n${text}`).digest().subarray(0, macLength);
  }

  return {
    seal(owner, { kind, ordinal, source, url }) {
      const text = `${kind} ${ordinal} ${source} ${url}`;
      const code = codeOf(owner, text);
      const cipher = createCipheriv('aes-256-ctr', cipherKey, code);
      return Buffer.concat([code, cipher.update(text, 'utf8')]).toString('base64url');
    },
    open(owner, token) {
      const bytes = Buffer.from(token, 'base64url');
      if (bytes.length <= macLength) return undefined;
      const code = bytes.subarray(0, macLength);
      const text = createDecipheriv('aes-256-ctr', cipherKey, code).update(bytes.subarray(macLength)).toString('utf8');
      if (!timingSafeEqual(code, codeOf(owner, text))) return undefined;
      const [, word, ordinal, source, url = ''] = /^(\S+) (\d+) (\d+) (.*)$/s.exec(text) ?? [];
      const kind = childKinds.find((one) => one === word);
      return kind === undefined ? undefined : { kind, ordinal: Number(ordinal), source: Number(source), url };
    },
  };
}
