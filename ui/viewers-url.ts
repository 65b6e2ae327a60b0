/** Where viewers come in, as the agent wrote it into the page: without a slash at its end. */
export function viewersUrl(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="viewers-url"]')?.content ?? '';
}
