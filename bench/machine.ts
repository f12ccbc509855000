import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import type { Brokers } from './brokers/brokers.js';

const PACKAGES = ['ioredis', '@nestjs/microservices', 'bullmq', '@nats-io/transport-node'];

/** Human-readable facts that the figures depend on, by name; nothing that identifies the owner of the machine. */
export async function describeMachine(brokers: Brokers): Promise<Record<string, string>> {
  const cores = cpus();
  return {
    CPU: `${cores.length} × ${cores[0]?.model.trim() ?? 'unknown'}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
    system: `${process.platform} ${process.arch}`,
    Node: process.version.slice(1),
    ...(await brokers.versions()),
    ...Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)])),
  };
}

/** Not every package exports its package.json, so this searches upwards from the entry point. */
function versionOf(name: string): string {
  let directory = dirname(createRequire(import.meta.url).resolve(name));
  while (!directory.endsWith(join('node_modules', name))) directory = dirname(directory);
  return (JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as { version: string }).version;
}
