import { useEffect, useState } from 'preact/hooks';

/** Whether the page is as narrow as a phone's, where lists have two lines a row. */
export function useNarrow(): boolean {
  const [isNarrow, setNarrow] = useState(() => matchMedia('(max-width: 720px)').matches);
  useEffect(() => {
    const media = matchMedia('(max-width: 720px)');
    const listen = (): void => setNarrow(media.matches);
    media.addEventListener('change', listen);
    return () => media.removeEventListener('change', listen);
  }, []);
  return isNarrow;
}
