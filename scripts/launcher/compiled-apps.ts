import { transformFile } from '@swc/core';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { APP_LIST } from './apps.js';
import type { AppName } from './apps.js';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const SOURCES = ['apps', 'lib'];
const LIBRARY = 'nestjs-redis-stream-transport';
/** Describes the apps' subpath imports, such as `#contracts`. */
const APPS_MANIFEST = 'apps/package.json';

/**
 * The apps and the library as JavaScript in a temporary directory. A loader that compiles on the fly costs each process
 * seconds; with half a dozen processes in parallel that is most of the startup time.
 */
export class CompiledApps {
  private constructor(private readonly directory: string) {
    process.once('exit', () => this.remove());
  }

  static async compile(): Promise<CompiledApps> {
    const directory = mkdtempSync(join(tmpdir(), 'redis-stream-apps-'));
    const apps = new CompiledApps(directory);
    // Node looks for modules upwards: first in a folder with only the library, then in the project's node_modules.
    symlinkSync(join(PROJECT, 'node_modules'), join(directory, 'node_modules'));
    mkdirSync(join(directory, 'compiled/node_modules'), { recursive: true });
    symlinkSync('../lib', join(directory, 'compiled/node_modules', LIBRARY));
    await Promise.all(SOURCES.map((folder) => apps.compileFolder(folder)));
    for (const [name, { page }] of APP_LIST) if (page !== undefined) apps.link(`apps/${name}/${page}`);
    apps.write(APPS_MANIFEST, readFileSync(join(PROJECT, APPS_MANIFEST), 'utf8').replaceAll('.ts"', '.js"'));
    apps.write('package.json', '{ "type": "module" }');
    apps.write('lib/package.json', '{ "type": "module", "exports": "./index.js" }');
    return apps;
  }

  main(app: AppName): string {
    return join(this.directory, `compiled/apps/${app}/src/main.js`);
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  private async compileFolder(folder: string): Promise<void> {
    const files = readdirSync(join(PROJECT, folder), { recursive: true, encoding: 'utf8' });
    const sources = files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'));
    await Promise.all(
      sources.map(async (file) => {
        const { code } = await transformFile(join(PROJECT, folder, file), { root: PROJECT, module: { type: 'es6' } });
        this.write(join(folder, file.replace(/\.ts$/, '.js')), code);
      }),
    );
  }

  private link(folder: string): void {
    symlinkSync(join(PROJECT, folder), join(this.directory, 'compiled', folder));
  }

  private write(file: string, text: string): void {
    const path = join(this.directory, 'compiled', file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
