/** Where the server's program is, whether it is one, and how it is started. */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import * as path from 'node:path';

export interface Lookup {
  /** The setting `sotto.server.path`; empty if it is not set. */
  readonly setting: string;
  /** `PATH`. */
  readonly searchPath: string;
  /** The program in the extension's own environment, if one was installed. */
  readonly installed: string | undefined;
}

export type Found =
  | { readonly kind: 'found'; readonly program: string; readonly version: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'wrong'; readonly problem: string };

const VERSION_TIMEOUT_MS = 60_000;
const IS_WINDOWS = process.platform === 'win32';

/**
 * The first of: the setting, `PATH`, the extension's own environment. A setting that names no server
 * is said to be wrong, and nothing else is taken in its place.
 */
export async function findServer(lookup: Lookup): Promise<Found> {
  if (lookup.setting !== '') {
    const program = expandHome(lookup.setting);
    const problem = path.isAbsolute(program)
      ? await whyNotAProgram(program)
      : 'is not an absolute path';
    const version = problem ? undefined : await versionOf(program);
    if (version !== undefined) return { kind: 'found', program, version };
    return {
      kind: 'wrong',
      problem: `The setting sotto.server.path names ${lookup.setting}, which ${problem ?? 'does not answer as Sotto’s server (sotto --version)'}.`,
    };
  }
  for (const program of [...(await onPath(lookup.searchPath)), lookup.installed ?? []].flat()) {
    const version = await versionOf(program);
    if (version !== undefined) return { kind: 'found', program, version };
  }
  return { kind: 'absent' };
}

/** Programs called `sotto` in the folders of `PATH`, the first one first. */
async function onPath(searchPath: string): Promise<string[]> {
  const name = IS_WINDOWS ? 'sotto.exe' : 'sotto';
  const programs = searchPath
    .split(path.delimiter)
    // A relative folder means another one in each workspace; a workspace must not choose.
    .filter((folder) => path.isAbsolute(folder))
    .map((folder) => path.join(folder, name));
  const problems = await Promise.all(programs.map(whyNotAProgram));
  return programs.filter((_, index) => problems[index] === undefined);
}

/** What keeps `file` from being a program, or undefined if nothing does. */
async function whyNotAProgram(file: string): Promise<string | undefined> {
  try {
    if ((await stat(file)).isDirectory()) return 'is a folder';
  } catch {
    return 'does not exist';
  }
  try {
    await access(file, constants.X_OK);
  } catch {
    return 'may not be executed';
  }
  return undefined;
}

/** The version the program gives, or undefined if it is not Sotto's: others have that name too. */
export function versionOf(program: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { env: serverEnvironment(process.env), cwd: homedir(), timeout: VERSION_TIMEOUT_MS };
    execFile(program, ['--version'], options, (error, stdout) => {
      resolve(error ? undefined : /^sotto (\S+)\s*$/.exec(stdout)?.[1]);
    });
  });
}

/**
 * The environment without what points Python at other code: a project's own `lsp` or `inference`
 * folder must not take the place of the server's.
 */
export function serverEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PYTHONPATH: _path, PYTHONHOME: _home, PYTHONSTARTUP: _startup, ...rest } = environment;
  return rest;
}

/** Start the server. Resolves when it runs, and rejects if it cannot be started at all. */
export function startServer(program: string): Promise<ChildProcess> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['serve'], {
      env: serverEnvironment(process.env),
      // Not the workspace: nothing in it may be found by name.
      cwd: homedir(),
      stdio: 'pipe',
      windowsHide: true,
    });
    child.once('error', reject);
    child.once('spawn', () => resolve(child));
  });
}

export function expandHome(file: string): string {
  return file === '~' || /^~[/\\]/.test(file) ? path.join(homedir(), file.slice(1)) : file;
}
