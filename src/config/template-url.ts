import { parsedUrl } from '../wire';

const parameter = /\{([A-Za-z][A-Za-z0-9_]{0,31})\}/g;

/** The names in braces of a template's URL, sorted, each once. */
export function templateParameters(url: string): readonly string[] {
  return [...new Set(Array.from(url.matchAll(parameter), ([, name = '']) => name))].sort();
}

/** Whether it is the URL of a source with parameters in braces, behind the host only: nobody who asks can choose another host. */
export function isTemplateUrl(text: string): boolean {
  if (text.length > 2000 || !/^https?:\/\/[^{}/?#\\\s]+\//i.test(text)) return false;
  const filled = text.replace(parameter, 'x');
  return (
    templateParameters(text).length > 0 &&
    /^[\x21-\x7e]+$/.test(filled) &&
    !/[{}#]/.test(filled) &&
    parsedUrl(filled) !== undefined
  );
}
