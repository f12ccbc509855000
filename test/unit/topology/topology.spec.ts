import { InvalidMessageError } from '../../../lib/errors/transport-errors.js';
import { Topology } from '../../../lib/topology/topology.js';

describe('Topology', () => {
  const topology = new Topology('app:');

  it('adds the prefix to the names of streams', () => {
    expect(topology.streamToWrite('order')).toBe('app:order');
    expect(topology.streamsToRead('order')).toEqual(['app:order']);
  });

  it('names the dead-letter stream of a stream', () => {
    expect(topology.deadLettersOf('app:order')).toBe('{app:order}:dead');
    expect(topology.deadLettersOf('{app}:order')).toBe('{app}:order:dead');
  });

  it('lets a handler read dead letters, and lets no client write them', () => {
    expect(topology.streamsToRead('{q}:dead')).toEqual(['app:{q}:dead']);
    for (let time = 0; time < 2; time++) expect(() => topology.streamToWrite('{q}:dead')).toThrow(InvalidMessageError);
  });

  it('returns the same name after any number of patterns', () => {
    for (let i = 0; i < 2_500; i++) expect(topology.streamToWrite(`order.${i}`)).toBe(`app:order.${i}`);
    expect(topology.streamToWrite('order.0')).toBe('app:order.0');
  });
});
