// What the events mean: spans and ticks for the lanes, and the chain from arming a timer to the return from its interrupt's handler.
// Handlers are followed by the rules of handlers.h.

const ROWS_MAX = 8;        // nested handlers that are drawn
const FRAMES_MAX = 64;

// Spans that do not overlap, in order: from event to event. An axis' coverage is prefix sums of their lengths.
class Spans {
  constructor() {
    this.begin = [];
    this.end = [];
    this.kind = [];
    this.isOpen = false;
    this.sums = {};
  }
  open(i, kind) {
    if (this.isOpen) this.close(i);
    this.begin.push(i);
    this.end.push(i);
    this.kind.push(kind);
    this.isOpen = true;
  }
  close(i) {
    if (!this.isOpen) return;
    this.end[this.end.length - 1] = i;
    this.isOpen = false;
  }
  finish(last) {
    this.close(last);
    this.begin = Int32Array.from(this.begin);
    this.end = Int32Array.from(this.end);
    this.length = this.begin.length;
  }
  sum(name, axis) {
    if (!this.sums[name]) {
      const sum = this.sums[name] = new Float64Array(this.length + 1);
      for (let i = 0; i < this.length; i++) sum[i + 1] = sum[i] + axis[this.end[i]] - axis[this.begin[i]];
    }
    return this.sums[name];
  }
}

class Ticks {
  constructor() { this.at = []; this.kind = []; }
  add(i, kind) { this.at.push(i); this.kind.push(kind); }
  finish() { this.at = Int32Array.from(this.at); this.length = this.at.length; }
}

function interruptKind(cause) {
  return cause === 5 || cause === 7 ? 'timer' : cause === 9 || cause === 11 ? 'external' : cause === 1 || cause === 3 ? 'software' : 'other';
}

class Model {
  constructor(trace) {
    this.trace = trace;
    this.harts = new Map();
    this.timers = new Map();
    this.lines = new Map();
    this.others = new Ticks();
    this.prev = new Int32Array(trace.n).fill(-1);
    this.next = new Int32Array(trace.n).fill(-1);
    this.callback = -1;               // the timer_fired whose callback runs
    this.pending = new Map();         // event, by hart and cause
    this.armed = new Map();           // event, by label
    // Handlers by event number; an event of another version's table has none.
    const all = {
      timer_armed: this.timerArmed, host_timer_armed: this.timerArmed, timer_cancelled: this.timerCancelled,
      host_timer_cancelled: this.timerCancelled,
      timer_fired: this.timerFired, host_timer_fired: this.timerFired, timer_returned: this.timerReturned, host_timer_returned: this.timerReturned,
      irq_line: this.irqLine, interrupt_pending: this.interruptPending, interrupt_cleared: this.interruptCleared, interrupt_taken: this.trap,
      exception_taken: this.trap, trap_entered: this.trapEntered, mret: this.trapReturn, sret: this.trapReturn, wfi_entered: this.wfiEntered,
      wfi_left: this.wfiLeft,
    };
    this.fields = trace.types.map(t => Object.fromEntries(t.fields.map(([name], f) => [name, f])));
    this.react = trace.types.map(t => t.known ? all[t.name] : undefined);
    this.otherKind = trace.types.map(t => t.name.startsWith('mmio_') ? 'mmio' : t.name === 'marker' ? 'exception' : 
      t.name === 'csr_write' ? 'supervisor'
      : t.name.startsWith('io_') ? 'wave' : 'other');
    for (let i = 0; i < trace.n; i++) {
      const react = this.react[trace.type[i]];
      if (react) react.call(this, i);
      else this.others.add(i, this.otherKind[trace.type[i]]);
    }
    this.finish();
  }

  get(i, name) { return fieldNumber(this.trace, i, this.fields[this.trace.type[i]][name]); }
  hart(i) {
    const number = this.get(i, 'hart');
    if (!this.harts.has(number)) {
      const hart = {number, frames: [], rows: [], mainline: new Spans(), privilege: new Spans(), asleep: new Spans(), pending: new Map()};
      hart.mainline.open(0, 'mainline');
      this.harts.set(number, hart);
    }
    return this.harts.get(number);
  }
  link(from, to) {
    this.prev[to] = from;
    if (this.next[from] < 0) this.next[from] = to;
  }
  of(map, name, make) {
    if (!map.has(name)) map.set(name, make());
    return map.get(name);
  }

  // --- timers and lines ---
  timer(i) { return this.of(this.timers, this.trace.label[i], () => ({armed: new Spans(), fired: new Ticks()})); }
  timerArmed(i) {
    this.timer(i).armed.open(i, 'armed');
    this.armed.set(this.trace.label[i], i);
  }
  disarm(i) {
    this.timer(i).armed.close(i);
    const label = this.trace.label[i];
    if (this.armed.has(label)) this.link(this.armed.get(label), i);
    this.armed.delete(label);
  }
  timerCancelled(i) { this.disarm(i); }
  timerFired(i) {
    this.disarm(i);
    this.timer(i).fired.add(i, 'timer');
    this.callback = i;
  }
  timerReturned() { this.callback = -1; }
  irqLine(i) {
    const name = labelText(this.trace, i) + ' ' + this.get(i, 'irq');
    const line = this.of(this.lines, name, () => new Spans());
    if (this.get(i, 'level')) line.open(i, 'wave'); else line.close(i);
  }

  // --- interrupts ---
  interruptPending(i) {
    const hart = this.hart(i), cause = this.get(i, 'cause');
    this.of(hart.pending, cause, () => new Spans()).open(i, 'pending');
    this.pending.set(hart.number + ',' + cause, i);
    const trace = this.trace, fired = this.callback;
    // Without timer_returned in the trace a callback lasts as long as no instruction runs.
    if (fired >= 0 && trace.instruction[fired] === trace.instruction[i]) this.link(fired, i);
  }
  interruptCleared(i) {
    const hart = this.hart(i), cause = this.get(i, 'cause');
    this.of(hart.pending, cause, () => new Spans()).close(i);
    this.pending.delete(hart.number + ',' + cause);
  }
  trap(i) {
    const hart = this.hart(i), cause = this.get(i, 'cause');
    const interrupt = this.trace.types[this.trace.type[i]].name === 'interrupt_taken';
    if (hart.frames.length === FRAMES_MAX) hart.frames.shift();
    if (hart.frames.length === 0) hart.mainline.close(i);
    const row = hart.frames.length;
    hart.frames.push({begin: i, to: -1, entered: false, row});
    if (row < ROWS_MAX) {
      while (hart.rows.length <= row) hart.rows.push(new Spans());
      hart.rows[row].open(i, interrupt ? interruptKind(cause) : cause >= 8 && cause <= 11 ? 'ecall' : 'exception');
    }
    if (!interrupt) return;
    const key = hart.number + ',' + cause;
    if (this.pending.has(key)) this.link(this.pending.get(key), i);
    this.pending.delete(key);
  }
  trapEntered(i) {
    const hart = this.hart(i), from = this.get(i, 'from'), to = this.get(i, 'to');
    this.setPrivilege(hart, i, to, from);
    const frame = hart.frames[hart.frames.length - 1];
    if (!frame || frame.entered) return;
    frame.entered = true;
    frame.to = to;
    const stale = hart.frames.findIndex(f => f !== frame && f.to > from);
    if (stale >= 0) {
      // The hart has left those; the new frame stays, one row up from where the stack is now.
      hart.frames.pop();
      this.endFrames(hart, stale, i);
      hart.frames.push(frame);
    }
  }
  trapReturn(i) {
    const hart = this.hart(i), to = this.get(i, 'to');
    const own = this.trace.types[this.trace.type[i]].name === 'mret' ? 3 : 1;
    for (let f = hart.frames.length - 1; f >= 0; f--) {
      if (hart.frames[f].to !== own && hart.frames[f].to !== -1) continue;
      this.link(hart.frames[f].begin, i);
      this.endFrames(hart, f, i);
      break;
    }
    const stale = hart.frames.findIndex(f => f.to > to);
    if (stale >= 0) this.endFrames(hart, stale, i);
    if (hart.frames.length === 0) hart.mainline.open(i, 'mainline');
    this.setPrivilege(hart, i, to, -1);
  }
  endFrames(hart, first, i) {
    for (const frame of hart.frames.splice(first)) if (frame.row < ROWS_MAX) hart.rows[frame.row].close(i);
  }
  setPrivilege(hart, i, to, from) {
    const kinds = {0: 'user', 1: 'supervisor', 3: 'machine'};
    if (hart.privilege.begin.length === 0 && from >= 0) hart.privilege.open(0, kinds[from]);
    const now = hart.privilege.isOpen ? hart.privilege.kind[hart.privilege.kind.length - 1] : null;
    if (now !== kinds[to]) hart.privilege.open(i, kinds[to]);
  }
  wfiEntered(i) { this.hart(i).asleep.open(i, 'asleep'); }
  wfiLeft(i) { this.hart(i).asleep.close(i); }

  // --- lanes ---
  finish() {
    const last = Math.max(0, this.trace.n - 1), lanes = [];
    const add = (group, name, height, parts) => {
      if (parts.spans) parts.spans.finish(last);
      if (parts.ticks) parts.ticks.finish();
      const empty = (!parts.spans || parts.spans.length === 0) && (!parts.ticks || parts.ticks.length === 0);
      if (!empty) lanes.push({group, name, height, style: 'bar', ...parts});
    };
    for (const hart of [...this.harts.values()].sort((a, b) => a.number - b.number)) {
      const group = 'hart ' + hart.number;
      hart.rows.slice().reverse().forEach((spans, i, all) =>
        add(group, all.length === 1 ? 'handler' : `handler ${all.length - i}`, 18, {spans, joined: true}));
      add(group, 'mainline', 18, {spans: hart.mainline});
      add(group, 'privilege', 14, {spans: hart.privilege});
      add(group, 'asleep (WFI)', 14, {spans: hart.asleep});
      for (const [cause, spans] of [...hart.pending].sort((a, b) => a[0] - b[0]))
        add(group, 'pending ' + (this.trace.meta.interrupts[cause] || cause), 14, {spans, style: 'wave', color: 'pending'});
    }
    for (const [label, timer] of this.timers)
      add('timers', label === 0 ? '?' : this.trace.meta.labels[label - 1], 16, {spans: timer.armed, ticks: timer.fired});
    for (const [name, spans] of this.lines) add('interrupt lines', name, 16, {spans, style: 'wave', color: 'wave'});
    add('other', 'CSRs, devices, markers', 14, {ticks: this.others});
    this.lanes = lanes;
  }

  // The chain that an event belongs to, from its first cause on.
  chain(i) {
    const events = [i];
    for (let at = this.prev[i]; at >= 0 && events.length < 16; at = this.prev[at]) events.unshift(at);
    for (let at = this.next[i]; at >= 0 && events.length < 16; at = this.next[at]) events.push(at);
    return events;
  }
}
