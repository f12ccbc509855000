/** With at least this many entries for each stream, one blocking read for all is good enough while none has a backlog. */
const FAIR_SHARE = 16;
/**
 * Most entries of one stream in one read. Taking all that is there makes client, Redis and server work in turns, each
 * waiting for the others; in smaller portions they overlap (a quarter more requests a second with 256 in flight).
 */
const MAX_COUNT = 64;
/** So many full reads in a row, and there is a backlog: then there is always more, and fewer, larger reads are cheaper. */
const BACKLOG_AFTER = 4;
const MAX_BACKLOG_COUNT = 256;
/** Every so many reads of busy streams, all the others are asked as well. */
const READS_PER_ROUND = 4;
const READS_PER_ROUND_OF_BACKLOG = 8;

export interface PlannedRead<Stream> {
  readonly streams: readonly Stream[];
  /** Per stream, as Redis counts it. */
  readonly count: number;
  readonly blocks: boolean;
}

/**
 * Decides what the next read asks for. COUNT is per stream: asking each of many streams for all free slots could bring
 * many times that; asking each for its share starves the one that is busy, and makes its reads small. So streams that
 * just had something are read by themselves, the others between whiles, and all together when nothing is there. Where
 * all have a fair share, this is only for streams that gave as many entries as they were asked for. Of a backlog as much
 * is read at once as there are slots.
 *
 * Never asks for more than there are free slots, but one entry per stream where there are more streams than slots. Where
 * several readers share the slots, a read that blocks asks for one entry per stream: which of them brings something nobody
 * knows, and all of them together must not bring many times what there are slots for.
 */
export class ReadPlan<Stream> {
  private busy: readonly Stream[] = [];
  private full: readonly Stream[] = [];
  private turn = 0;
  /** Reads in a row that had all that was asked for of some stream. */
  private fullReads = 0;

  constructor(private readonly sharesSlots = false) {}

  /** Whether it is worth a moment to have more slots free for the next read. */
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

  /** What the read brought: the streams that had something, and those of them that had all that was asked for. */
  brought(busy: readonly Stream[], full: readonly Stream[]): void {
    this.busy = busy;
    this.full = full;
    this.fullReads = full.length > 0 ? this.fullReads + 1 : 0;
  }

  /** At most as many as there are slots, a different part each time. */
  private window(busy: readonly Stream[], free: number): readonly Stream[] {
    if (busy.length <= free) return busy;
    const start = (this.turn * free) % busy.length;
    return [...busy, ...busy].slice(start, start + free);
  }
}

const portion = (share: number, most = MAX_COUNT): number => Math.min(most, Math.max(1, share));
