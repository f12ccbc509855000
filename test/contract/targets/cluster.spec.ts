import { RedisCluster } from '../../support/redis-cluster.js';
import { transportContract } from '../transport-contract.js';

transportContract('a cluster of three masters', () => RedisCluster.start(3), {
  multiStreamRead: false,
  unblocksReads: false,
});
