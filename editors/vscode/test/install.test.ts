import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

import {
  type Installation,
  InstallError,
  install,
  installedProgram,
  versionInName,
} from '../src/install.ts';
import { versionOf } from '../src/server.ts';

let folder: string;
beforeEach(async () => (folder = await mkdtemp(path.join(tmpdir(), 'sotto-test-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const NEVER = new AbortController().signal;

function wanted(changes: Partial<Installation>): Installation {
  return {
    source: '',
    python: '',
    folder: path.join(folder, 'server'),
    signal: NEVER,
    report: () => undefined,
    ...changes,
  };
}

/**
 * A Python whose environments hold a pip that writes a `sotto`, which says what is being installed.
 * The real ones are used by the tests in the real VS Code; here they would only take their time.
 */
function pythonThatInstalls(): Promise<string> {
  return fakePython(`
case "$*" in *" venv "*) ;; *) exit 1;; esac
for environment; do :; done
mkdir -p "$environment/bin"
cat > "$environment/bin/python" <<'END'
#!/bin/sh
case "$*" in *" pip install "*) ;; *) exit 1;; esac
for source; do :; done
printf '#!/bin/sh\\necho "%s"\\n' "$source" > "$(dirname "$0")/sotto"
chmod +x "$(dirname "$0")/sotto"
echo "Successfully installed $source"
END
chmod +x "$environment/bin/python"`);
}

/** A program that passes for a Python that is new enough and then behaves as told. */
async function fakePython(behaviour: string): Promise<string> {
  const file = path.join(folder, 'python');
  await writeFile(file, `#!/bin/sh\ncase "$*" in *version_info*) exit 0;; esac\n${behaviour}\n`);
  await chmod(file, 0o755);
  return file;
}

describe('install', () => {
  it('takes the place of the former one only when it works', async () => {
    const own = path.join(folder, 'server');
    const former = path.join(own, 'environment-former');
    const current = path.join(own, 'current.json');
    await mkdir(former, { recursive: true });
    await writeFile(current, '{"program": "/former"}');

    const python = await pythonThatInstalls();
    await assert.rejects(install(wanted({ python, source: 'hello' })), (error: Error) => {
      return error instanceof InstallError && /is not Sotto’s server/.test(error.message);
    });
    assert.equal(await installedProgram(own), '/former');
    assert.deepEqual((await readdir(own)).sort(), ['current.json', 'environment-former']);

    const lines: string[] = [];
    const report = (line: string): void => void lines.push(line);
    const program = await install(wanted({ python, source: 'sotto 9.8.7', report }));
    assert.equal(await versionOf(program), '9.8.7');
    assert.equal(await installedProgram(own), program);
    assert.ok(lines.some((line) => line === 'Successfully installed sotto 9.8.7'));
    assert.ok(!existsSync(former));
  });

  it('says what failed, in the words of what failed', async () => {
    const python = await fakePython('echo "no ensurepip here" >&2; exit 1');
    await assert.rejects(install(wanted({ python })), /no ensurepip here/);
    assert.deepEqual(await readdir(path.join(folder, 'server')), []);
  });

  it('ends what runs when it is cancelled, children too, and keeps nothing', async () => {
    const python = await fakePython('sleep 1000 & echo "child $!"; wait');
    const abort = new AbortController();
    let child = 0;
    const report = (line: string): void => {
      child = Number(/^child (\d+)$/.exec(line)?.[1] ?? child);
      if (child) abort.abort();
    };
    // It rejects when the last process that holds the output has ended: the sleeping child.
    await assert.rejects(install(wanted({ python, report, signal: abort.signal })), /abort/i);
    assert.ok(child > 0);
    assert.deepEqual(await readdir(path.join(folder, 'server')), []);
  });

  it('names a Python that will not do', async () => {
    const python = path.join(folder, 'none');
    await assert.rejects(install(wanted({ python })), /sotto\.server\.python names .*none/);
  });
});

it('reads the version off a wheel', () => {
  assert.equal(versionInName('/x-y/server/sotto-0.1.0-py3-none-any.whl'), '0.1.0');
  assert.equal(versionInName('/x/sotto.whl'), undefined);
});
