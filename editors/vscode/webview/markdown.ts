/** An answer's Markdown as HTML. What a model writes as HTML is shown as text. */

import hljs from 'highlight.js/lib/common';
import MarkdownIt from 'markdown-it';

const markdown = new MarkdownIt({ html: false, linkify: false });

const escape = markdown.utils.escapeHtml;

// A picture would be fetched from somewhere; its words say what it was.
markdown.renderer.rules['image'] = (tokens, at) => escape(`[image: ${tokens[at]?.content ?? ''}]`);

// What a button applies is the block with the lines before it, as one of them may name its file.
markdown.renderer.rules['fence'] = (tokens, at, _options, env: { lines: string[] }) => {
  const token = tokens[at];
  if (!token) return '';
  const [start, end] = token.map ?? [0, 0];
  const source = env.lines.slice(Math.max(start - 2, 0), end).join('\n');
  const language = /^[\w+#.-]+/.exec(token.info)?.[0].split(/[:.]/)[0] ?? '';
  return `<pre title="${escape(source)}" lang="${escape(language)}"><code>${highlighted(token.content, language)}</code></pre>\n`;
};

/** HTML to be sanitised. The source of each code block is in its `title`, its language in `lang`. */
export function toHtml(text: string): string {
  return markdown.render(text, { lines: text.split('\n') });
}

function highlighted(code: string, language: string): string {
  if (!hljs.getLanguage(language)) return escape(code);
  return hljs.highlight(code, { language, ignoreIllegals: true }).value;
}
