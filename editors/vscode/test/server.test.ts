import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { type Lookup, expandHome, findServer, serverEnvironment, startServer } from '../src/server.ts';

let folder: string;
beforeEach(async () => (folder = await mkdtemp(path.join(tmpdir(), 'sotto-test-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A program in a folder of its own that says `line` whatever it is asked. */
async function program(name: string, line: string, mode = 0o755): Promise<string> {
  const file = path.join(folder, name, 'sotto');
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\necho '${line}'\n`);
  await chmod(file, mode);
  return file;
}

function look(wanted: Partial<Lookup>): ReturnType<typeof findServer> {
  return findServer({ setting: '', searchPath: '', installed: undefined, ...wanted });
}

function problemOf(found: Awaited<ReturnType<typeof findServer>>): string {
  assert.equal(found.kind, 'wrong');
  return found.kind === 'wrong' ? found.problem : '';
}

describe('findServer', () => {
  it('takes the setting before PATH before its own installation', async () => {
    const [named, onPath, installed] = [
      await program('named', 'sotto 1.0.0'),
      await program('path', 'sotto 2.0.0'),
      await program('installed', 'sotto 3.0.0'),
    ];
    const searchPath = path.dirname(onPath);
    const all = { setting: named, searchPath, installed };
    assert.deepEqual(await look(all), { kind: 'found', program: named, version: '1.0.0' });
    const unset = { ...all, setting: '' };
    assert.deepEqual(await look(unset), { kind: 'found', program: onPath, version: '2.0.0' });
    const own = { ...unset, searchPath: '' };
    assert.deepEqual(await look(own), { kind: 'found', program: installed, version: '3.0.0' });
    assert.deepEqual(await look({}), { kind: 'absent' });
  });

  it('takes nothing in the place of a setting that is wrong', async () => {
    const searchPath = path.dirname(await program('path', 'sotto 2.0.0'));
    const folderItself = await look({ setting: folder, searchPath });
    assert.match(problemOf(folderItself), /sotto\.server\.path .* is a folder/);
    const missing = await look({ setting: path.join(folder, 'none'), searchPath });
    assert.match(problemOf(missing), /does not exist/);
    const relative = await look({ setting: 'bin/sotto', searchPath });
    assert.match(problemOf(relative), /not an absolute path/);
    const other = await look({ setting: await program('other', 'sl 5.02'), searchPath });
    assert.match(problemOf(other), /does not answer as Sotto/);
    const locked = await look({ setting: await program('locked', 'sotto 1.0', 0o644), searchPath });
    assert.match(problemOf(locked), /may not be executed/);
  });

  it('passes by another program of that name on PATH', async () => {
    const other = path.dirname(await program('other', 'sotto, a card game'));
    const ours = await program('ours', 'sotto 0.1.0');
    const searchPath = [other, path.dirname(ours)].join(path.delimiter);
    const found = await look({ searchPath });
    assert.deepEqual(found, { kind: 'found', program: ours, version: '0.1.0' });
  });

  it('never looks into a folder that depends on the workspace', async () => {
    const ours = await program('bin', 'sotto 0.1.0');
    const relative = path.relative(process.cwd(), path.dirname(ours));
    for (const searchPath of [relative, '.', '', 'bin']) {
      assert.deepEqual(await look({ searchPath }), { kind: 'absent' });
    }
  });
});

describe('starting it', () => {
  it('clears what points Python at other code and keeps the rest', () => {
    const environment = { PYTHONPATH: '/project', PYTHONHOME: '/x', HOME: '/me', PATH: '/bin' };
    assert.deepEqual(serverEnvironment(environment), { HOME: '/me', PATH: '/bin' });
  });

  it('rejects a program that cannot be started', async () => {
    await assert.rejects(startServer(path.join(folder, 'none')), /ENOENT/);
  });

  it('resolves with a running process', async () => {
    const child = await startServer(await program('named', 'hello'));
    assert.ok(child.pid);
    await new Promise((resolve) => child.once('close', resolve));
  });
});

it('expands the home folder and nothing else', () => {
  assert.equal(expandHome('~/bin/sotto'), path.join(homedir(), 'bin/sotto'));
  assert.equal(expandHome('/a/~/b'), '/a/~/b');
  assert.equal(expandHome('~other/sotto'), '~other/sotto');
});
