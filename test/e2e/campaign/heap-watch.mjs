/** Preload it with `--import`: the process then reports its heap use to its parent. */
const EVERY_MS = 250;

setInterval(() => process.send?.({ heapUsedBytes: process.memoryUsage().heapUsed }), EVERY_MS).unref();
