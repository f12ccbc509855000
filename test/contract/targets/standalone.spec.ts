import { StandaloneRedis } from '../../support/standalone-redis.js';
import { transportContract } from '../transport-contract.js';

transportContract('one server', () => StandaloneRedis.start(), { multiStreamRead: true, unblocksReads: true });
