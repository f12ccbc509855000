/** Preloaded into a process that is to tell its parent how much heap it uses: `--import`. */
const EVERY_MS = 250;

setInterval(() => process.send?.({ heapUsedBytes: process.memoryUsage().heapUsed }), EVERY_MS).unref();
