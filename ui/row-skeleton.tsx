/** Rows of a list whose first answer has not come yet. */
export function RowSkeleton({ what }: { readonly what: string }) {
  return (
    <div class="skeleton" role="status">
      <span class="hidden">Reading {what}…</span>
      {[70, 45, 60, 52, 66, 40, 58, 48].map((width) => (
        <span key={width} class="stream-row">
          <span class="ghost" style={{ width: `${width}%` }} />
        </span>
      ))}
    </div>
  );
}
