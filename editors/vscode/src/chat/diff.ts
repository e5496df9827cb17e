/** Unified diffs, as they come with an edit that was proposed. */

/** Whether a text still has the lines that a diff is about, where the diff says they are. */
export function fits(diff: string, text: string): boolean {
  const lines = text.split(/\r\n|\r|\n/);
  let at: number | undefined; // none in the diff's head
  for (const line of diff.split('\n')) {
    const begins = /^@@ -(\d+)/.exec(line);
    if (begins) {
      at = Number(begins[1]) - 1;
      if (at < 0 && text !== '') return false; // for a file that had no line
    } else if (at !== undefined && (line.startsWith(' ') || line.startsWith('-'))) {
      if (lines[at] !== line.slice(1)) return false;
      at += 1;
    }
  }
  return true;
}
