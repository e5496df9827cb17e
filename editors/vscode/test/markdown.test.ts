import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { toHtml } from '../webview/markdown.ts';

describe('an answer as HTML', () => {
  it('shows what is written as HTML as text', () => {
    assert.equal(
      toHtml('<script>alert(1)</script>'),
      '<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n',
    );
  });

  it('fetches no picture', () => {
    assert.equal(toHtml('![a "b"](http://example.com/p.png)'), '<p>[image: a &quot;b&quot;]</p>\n');
  });

  it('makes no link that could run something', () => {
    for (const scheme of ['javascript:alert(1)', 'vbscript:x', 'file:///etc/passwd', 'data:text/html,x']) {
      assert.doesNotMatch(toHtml(`[a](${scheme})`), /href/);
    }
  });

  it('keeps with a code block the lines that may name its file', () => {
    const html = toHtml('Text\n\nsrc/a.py\n```python\nx = "1"\n```\n');
    assert.match(html, /title="\nsrc\/a\.py\n```python\nx = &quot;1&quot;\n```"/);
    assert.match(html, /lang="python"/);
  });

  it('takes the language of a block from its first word', () => {
    assert.match(toHtml('```python:src/a.py\nx\n```'), /lang="python"/);
    assert.match(toHtml('```\nx\n```'), /lang=""/);
    assert.match(toHtml('```c++\nx\n```'), /lang="c\+\+"/);
  });

  it('shows a block that is not closed yet', () => {
    assert.match(toHtml('```python\nx = 1'), /<pre [^>]*><code>.*x = .*<\/code><\/pre>/s);
  });

  it('escapes what stands in code, of a language it knows or not', () => {
    assert.match(toHtml('```python\n<b>\n```'), /&lt;b&gt;/);
    assert.match(toHtml('```nonsense\n<b>\n```'), /&lt;b&gt;/);
  });
});
