import type { RedisClient, RedisConnection } from '../interfaces/connection.js';

type StartNode = string | number | { readonly host?: string; readonly port?: number };

/** Address of a connection for error messages: hosts and ports, never user or password. */
export function addressOf(source: RedisConnection, client: RedisClient): string {
  if ('nodes' in client) return clusterAddress(source, client.nodes());
  const { path, sentinels, name, host, port } = client.options;
  if (path !== undefined && path !== null) return path;
  if (!sentinels) return `${host}:${port}`;
  return `the master "${name}" of the Sentinels ${sentinels.map((node) => nodeAddress(node)).join(', ')}`;
}

function clusterAddress(source: RedisConnection, known: readonly { options: StartNode }[]): string {
  const isNodes = typeof source === 'object' && 'nodes' in source;
  const nodes: readonly StartNode[] = isNodes ? source.nodes : known.map(({ options }) => options);
  return nodes.length > 0 ? nodes.map(nodeAddress).join(', ') : 'any node of the cluster';
}

function nodeAddress(node: StartNode): string {
  if (typeof node === 'number') return `127.0.0.1:${node}`;
  if (typeof node === 'object') return `${node.host ?? '127.0.0.1'}:${node.port ?? 6379}`;
  return URL.canParse(node) ? new URL(node).host : node.replace(/^.*@/, '');
}
