import { setTimeout as pause } from 'node:timers/promises';
import { FaultProxy } from '../../support/fault-proxy.js';
import { ROLES } from './injection-plan.js';
import type { Injection, Owner } from './injection-plan.js';

/** Ports by role; `other` is for roles without a port of their own. */
export type Ports = Readonly<Record<string, number>>;

export const OTHER = 'other';

export type LinkInjection = Extract<Injection, { link: Owner }>;

/** The links between the clients and one server: a proxy for every role of every owner. */
export class Links {
  private readonly links = new Map<Owner, Map<string, FaultProxy>>();

  static async to(server: { readonly host: string; readonly port: number }, workers: number): Promise<Links> {
    const links = new Links();
    const owners: Owner[] = [...Array.from({ length: workers }, (_, n) => n), 'producer'];
    for (const owner of owners) {
      const byRole = new Map<string, FaultProxy>();
      for (const role of [...ROLES[owner === 'producer' ? 'producer' : 'worker'], OTHER]) {
        const proxy = await FaultProxy.to(server);
        proxy.keepUpstreamOnClientLoss = true;
        byRole.set(role, proxy);
      }
      links.links.set(owner, byRole);
    }
    return links;
  }

  portsOf(owner: Owner): Ports {
    return Object.fromEntries([...(this.links.get(owner) ?? [])].map(([role, { port }]) => [role, port]));
  }

  /** Resolves when the link works again. */
  async break(injection: LinkInjection): Promise<void> {
    const all = [...(this.links.get(injection.link)?.values() ?? [])];
    switch (injection.kind) {
      case 'reset':
        return reset(all);
      case 'blackhole':
        return hold(all, { kind: 'blackhole', direction: injection.direction }, injection.ms);
      case 'stall':
        return hold(this.only(injection.link, injection.role), { kind: 'blackhole', direction: 'both' }, injection.ms);
      case 'swallow':
        await hold(all, { kind: 'swallowReplies' }, injection.ms);
        // A connection that has missed replies is unusable: reset it.
        return reset(all);
    }
  }

  heal(): void {
    for (const link of this.all) link.heal();
  }

  async close(): Promise<void> {
    for (const link of this.all) await link.close();
  }

  private get all(): FaultProxy[] {
    return [...this.links.values()].flatMap((byRole) => [...byRole.values()]);
  }

  private only(owner: Owner, role: string): FaultProxy[] {
    const link = this.links.get(owner)?.get(role);
    return link ? [link] : [];
  }
}

function reset(links: readonly FaultProxy[]): void {
  for (const link of links) link.rst();
}

async function hold(links: readonly FaultProxy[], fault: Parameters<FaultProxy['set']>[0], ms: number): Promise<void> {
  for (const link of links) link.set(fault);
  await pause(ms);
  for (const link of links) link.heal();
}
