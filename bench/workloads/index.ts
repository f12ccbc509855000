import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Workload } from '../workload.js';

/** Each file beside this one is a workload, called as its file is. */
export function workloadNames(): string[] {
  return readdirSync(fileURLToPath(new URL('.', import.meta.url)))
    .filter((file) => file.endsWith('.ts') && file !== 'index.ts')
    .map((file) => file.slice(0, -'.ts'.length))
    .toSorted();
}

export async function workloadNamed(name: string): Promise<Workload<unknown>> {
  if (!workloadNames().includes(name)) {
    throw new Error(`No workload is called ${name}. Workloads: ${workloadNames().join(', ')}`);
  }
  const file = (await import(new URL(`${name}.ts`, import.meta.url).href)) as { workload: Workload<unknown> };
  return file.workload;
}
