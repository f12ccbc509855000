/** With this many slots or more per stream, one blocking read of all streams will do while none fills its share. */
const FAIR_SHARE = 16;
/**
 * Maximum entries of one stream per read. Reading everything at once makes client, Redis and server take turns waiting
 * for each other; with smaller reads they overlap (a quarter more requests per second with 256 in flight).
 */
const MAX_COUNT = 64;
/** This many full reads in a row mean a backlog: there is always more to read, and fewer, larger reads are cheaper. */
const BACKLOG_AFTER = 4;
const MAX_BACKLOG_COUNT = 256;
/** While some streams are busy, one read in this many asks all streams. */
const READS_PER_ROUND = 4;
const READS_PER_ROUND_OF_BACKLOG = 8;

export interface PlannedRead<Stream> {
  readonly streams: readonly Stream[];
  /** COUNT of the read, which Redis applies per stream. */
  readonly count: number;
  readonly blocks: boolean;
}

/**
 * Decides what the next read asks for. COUNT applies per stream: asking each of many streams for all free slots could
 * return many times that number; asking each for an equal share starves the busy one and keeps its reads small. So busy
 * streams, those that just returned entries, are read on their own, the others in between, and all together when none
 * is busy. If every stream has a fair share, only streams that returned all they were asked for count as busy. A
 * backlog is read in the largest portions that the free slots allow.
 *
 * Never asks for more entries than there are free slots, except one per stream when streams outnumber slots. When
 * several readers share the slots, a blocking read asks for one entry per stream: any of the readers may get entries,
 * and together they must not fetch many times the number of slots.
 */
export class ReadPlan<Stream> {
  private busy: readonly Stream[] = [];
  private full: readonly Stream[] = [];
  private turn = 0;
  /** Consecutive reads in which some stream returned all it was asked for. */
  private fullReads = 0;

  constructor(private readonly sharesSlots = false) {}

  /** Whether the next read should wait a moment for more free slots. */
  get isBacklog(): boolean {
    return this.fullReads >= BACKLOG_AFTER;
  }

  next(streams: readonly Stream[], slots: number): PlannedRead<Stream> {
    const plan = this.forOneReader(streams, slots);
    if (!this.sharesSlots || !plan.blocks) return plan;
    return this.busy.length > 0 ? { ...plan, blocks: false } : { ...plan, count: 1 };
  }

  private forOneReader(streams: readonly Stream[], slots: number): PlannedRead<Stream> {
    // A retry may have taken the slot that the reader was woken for.
    const free = Math.max(1, slots);
    const share = Math.floor(free / streams.length);
    const most = this.isBacklog ? MAX_BACKLOG_COUNT : MAX_COUNT;
    if (share >= most || streams.length === 1) return { streams, count: portion(share, most), blocks: true };
    const busy = (share >= FAIR_SHARE ? this.full : this.busy).filter((stream) => streams.includes(stream));
    if (busy.length === 0) return { streams, count: portion(share), blocks: true };
    const round = this.isBacklog ? READS_PER_ROUND_OF_BACKLOG : READS_PER_ROUND;
    if (++this.turn % round === 0) return { streams, count: portion(share), blocks: false };
    const some = this.window(busy, free);
    return { streams: some, count: portion(Math.floor(free / some.length), most), blocks: false };
  }

  /** Records a read: the streams that returned entries, and those of them that returned all they were asked for. */
  brought(busy: readonly Stream[], full: readonly Stream[]): void {
    this.busy = busy;
    this.full = full;
    this.fullReads = full.length > 0 ? this.fullReads + 1 : 0;
  }

  /** At most as many streams as there are slots, different ones each time. */
  private window(busy: readonly Stream[], free: number): readonly Stream[] {
    if (busy.length <= free) return busy;
    const start = (this.turn * free) % busy.length;
    return [...busy, ...busy].slice(start, start + free);
  }
}

const portion = (share: number, most = MAX_COUNT): number => Math.min(most, Math.max(1, share));
