/** Installs the server into an environment of its own, which nothing else uses. */

import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import * as path from 'node:path';

import { serverEnvironment, versionOf } from './server.ts';

export const OLDEST_PYTHON = [3, 11] as const;
const IS_WINDOWS = process.platform === 'win32';
const PYTHONS = IS_WINDOWS
  ? ['python', 'python3']
  : ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python'];

/** Which of the environments below the folder is in use; one that is half made never is. */
const CURRENT = 'current.json';

export interface Installation {
  /** What `pip install` is given: a wheel, a folder, an address or a name. */
  readonly source: string;
  /** The setting `sotto.server.python`; empty for the first one that will do. */
  readonly python: string;
  /** Where environments are kept. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Told what is being done, a line at a time. */
  readonly report: (line: string) => void;
}

export class InstallError extends Error {}

/** Install and return the program. Rejects with an InstallError that says how to mend it. */
export async function install(wanted: Installation): Promise<string> {
  const python = await findPython(wanted.python);
  await mkdir(wanted.folder, { recursive: true });
  const environment = await mkdtemp(path.join(wanted.folder, 'environment-'));
  try {
    wanted.report('Making an environment');
    await run(python, ['-I', '-m', 'venv', environment], wanted);
    wanted.report('Installing Sotto; the first time its runtime is compiled, which takes minutes');
    const pip = ['-I', '-m', 'pip', 'install', '--disable-pip-version-check', '--no-input'];
    await run(path.join(bin(environment), 'python'), [...pip, wanted.source], wanted);
    const program = path.join(bin(environment), IS_WINDOWS ? 'sotto.exe' : 'sotto');
    if ((await versionOf(program)) === undefined) {
      throw new InstallError(`What was installed from ${wanted.source} is not Sotto’s server.`);
    }
    // A cancel that came this late is one too.
    wanted.signal.throwIfAborted();
    await makeCurrent(wanted.folder, program);
    await removeOthers(wanted.folder, path.basename(environment));
    return program;
  } catch (error) {
    await rm(environment, { recursive: true, force: true, maxRetries: 3 });
    throw error;
  }
}

/** The program that was installed below the folder, or undefined. */
export async function installedProgram(folder: string): Promise<string | undefined> {
  try {
    const current: unknown = JSON.parse(await readFile(path.join(folder, CURRENT), 'utf8'));
    const program = (current as { program?: unknown }).program;
    return typeof program === 'string' ? program : undefined;
  } catch {
    return undefined;
  }
}

/** The version in a wheel's name, such as `0.1.0` in `sotto-0.1.0-py3-none-any.whl`. */
export function versionInName(wheel: string): string | undefined {
  return /^[^-]+-([^-]+)-.*\.whl$/.exec(path.basename(wheel))?.[1];
}

async function makeCurrent(folder: string, program: string): Promise<void> {
  const draft = path.join(folder, `${CURRENT}.new`);
  await writeFile(draft, JSON.stringify({ program }) + '\n');
  await rename(draft, path.join(folder, CURRENT));
}

async function removeOthers(folder: string, kept: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith('environment-') && name !== kept) {
      // On Windows a running program cannot be removed; the next installation tries again.
      await rm(path.join(folder, name), { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

function bin(environment: string): string {
  return path.join(environment, IS_WINDOWS ? 'Scripts' : 'bin');
}

async function findPython(named: string): Promise<string> {
  const oldest = OLDEST_PYTHON.join('.');
  for (const python of named ? [named] : PYTHONS) {
    if (await isNewEnough(python)) return python;
  }
  throw new InstallError(
    named
      ? `The setting sotto.server.python names ${named}, which is no Python ${oldest} or newer.`
      : `Sotto’s server needs Python ${oldest} or newer, and none is found on PATH. Install one, or name it in the setting sotto.server.python.`,
  );
}

function isNewEnough(python: string): Promise<boolean> {
  const [major, minor] = OLDEST_PYTHON;
  const question = `import sys, venv; sys.exit(sys.version_info < (${major}, ${minor}))`;
  return new Promise((resolve) => {
    const options = { env: serverEnvironment(process.env), cwd: homedir(), timeout: 60_000 };
    execFile(python, ['-I', '-c', question], options, (error) => resolve(!error));
  });
}

/** Run a command to its end, its output line by line to `report`. */
function run(
  command: string,
  words: readonly string[],
  { signal, report }: Installation,
): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawn(command, words, {
      env: serverEnvironment(process.env),
      cwd: homedir(),
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
      // A group of its own: what pip starts (a compiler) has to end with it.
      detached: !IS_WINDOWS,
    });
    const end = (): void => killGroup(child.pid);
    signal.addEventListener('abort', end, { once: true });
    const tail: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      onLines(stream, (line) => {
        tail.push(line);
        if (tail.length > 8) tail.shift();
        report(line);
      });
    }
    child.once('error', (error) => reject(new InstallError(`${command}: ${error.message}`)));
    child.once('close', (status) => {
      signal.removeEventListener('abort', end);
      if (signal.aborted) reject(signal.reason as Error);
      else if (status === 0) resolve();
      else reject(new InstallError(`${path.basename(command)} failed:\n${tail.join('\n')}`));
    });
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  if (IS_WINDOWS) {
    spawn('taskkill', ['/pid', String(pid), '/t', '/f'], { windowsHide: true });
    return;
  }
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** Calls `take` with every line of a stream, and with what is left at its end. */
export function onLines(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split(/\r?\n/);
    rest = lines.pop() ?? '';
    lines.forEach(take);
  });
  stream.on('end', () => {
    if (rest) take(rest);
  });
}
