/** A glob over whole stream names as an expression: `*` within one part of the path, `**` across slashes. */
export function streamPattern(glob: string): RegExp {
  const source = glob.replace(/\*\*|\*|[\\^$.|?+()[\]{}/-]/g, (part) =>
    part === '**' ? '.*' : part === '*' ? '[^/]*' : `\\${part}`,
  );
  return new RegExp(`^${source}$`);
}
