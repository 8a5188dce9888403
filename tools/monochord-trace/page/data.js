'use strict';
// The events, out of the page and into typed arrays. The layout is told in html.cpp. A 64-bit number is two halves here (lo, hi): doubles would lose
// the low bits of addresses, and BigInts are slow.

const TWO32 = 4294967296;

// One column being read: next() leaves a number in lo and hi.
class Column {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
    this.lo = 0;
    this.hi = 0;
  }
  next() {
    let byte = this.bytes[this.at++];
    if (byte < 0x80) {
      this.lo = byte;
      this.hi = 0;
      return;
    }
    let lo = byte & 0x7f, hi = 0, shift = 7;
    do {
      byte = this.bytes[this.at++];
      const bits = byte & 0x7f;
      if (shift < 28) lo |= bits << shift;
      else if (shift === 28) { lo |= bits << 28; hi = bits >>> 4; }
      else hi |= bits << (shift - 32);
      shift += 7;
    } while (byte >= 0x80);
    this.lo = lo >>> 0;
    this.hi = hi >>> 0;
  }
  nextSigned() {
    this.next();
    const negative = this.lo & 1;
    this.lo = ((this.lo >>> 1) | (this.hi << 31)) >>> 0;
    this.hi = this.hi >>> 1;
    if (negative) { this.lo = ~this.lo >>> 0; this.hi = ~this.hi >>> 0; }
  }
}

function bytesOfBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text), bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// A running maximum: an axis that a moved clock does not turn back on itself.
function rising(values) {
  const out = new Float64Array(values.length);
  let most = -Infinity;
  for (let i = 0; i < values.length; i++) out[i] = most = Math.max(most, values[i]);
  return out;
}

async function readTrace(text) {
  const blob = await inflate(bytesOfBase64(text));
  const view = new DataView(blob.buffer, blob.byteOffset);
  const jsonSize = view.getUint32(4, true);
  const meta = JSON.parse(new TextDecoder().decode(blob.subarray(8, 8 + jsonSize)));
  const columns = new Map();
  let at = 8 + jsonSize;
  for (const [name, size] of meta.columns) {
    columns.set(name, new Column(blob.subarray(at, at + size)));
    at += size;
  }
  const n = meta.events, types = meta.types;
  const type = columns.get('type').bytes;
  const sequence = new Float64Array(n), instruction = new Float64Array(n), ns = new Float64Array(n);
  const label = new Uint32Array(n), rank = new Uint32Array(n), counts = new Uint32Array(types.length);
  const sequences = columns.get('sequence'), instructions = columns.get('instruction'), times = columns.get('ns'), labels = columns.get('label');
  const labelled = types.map(t => t.label !== '');
  let s = 0, c = 0, t = 0;
  for (let i = 0; i < n; i++) {
    sequences.next();
    sequence[i] = s += sequences.hi * TWO32 + sequences.lo;
    instructions.next();
    instruction[i] = c += instructions.hi * TWO32 + instructions.lo;
    times.nextSigned();
    ns[i] = t += (times.hi | 0) * TWO32 + times.lo;
    rank[i] = counts[type[i]]++;
    if (labelled[type[i]]) { labels.next(); label[i] = labels.lo; }
  }
  // values[type]: for each event of it and each field lo, hi.
  const values = types.map((info, number) => {
    const count = counts[number], fields = info.fields.length, out = new Uint32Array(count * fields * 2);
    info.fields.forEach(([name], f) => {
      const column = columns.get(info.name + '.' + name);
      let lo = 0, hi = 0;
      for (let i = 0, to = f * 2; i < count; i++, to += fields * 2) {
        column.nextSigned();
        const sum = lo + column.lo;
        lo = sum >>> 0;
        hi = (hi + column.hi + (sum >= TWO32 ? 1 : 0)) >>> 0;
        out[to] = lo;
        out[to + 1] = hi;
      }
    });
    return out;
  });
  return {meta, n, types, type, sequence, instruction, ns, label, rank, counts, values, axis: {ns: rising(ns), insn: rising(instruction)}};
}

// --- searching sorted numbers -------------------------------------------------------------------------------------------

// First place in `values` (through `index` where given) that is not below / is above x.
function lowerBound(values, x, index, from, to) {
  let low = from || 0, high = to === undefined ? (index || values).length : to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((index ? values[index[middle]] : values[middle]) < x) low = middle + 1; else high = middle;
  }
  return low;
}
function upperBound(values, x, index, from, to) {
  let low = from || 0, high = to === undefined ? (index || values).length : to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((index ? values[index[middle]] : values[middle]) <= x) low = middle + 1; else high = middle;
  }
  return low;
}

// The same in sorted numbers for an answer that is not far behind `from`.
function gallop(values, x, from) {
  let step = 8;
  while (from + step < values.length && values[from + step] < x) {
    from += step;
    step *= 2;
  }
  return lowerBound(values, x, null, from, Math.min(values.length, from + step + 1));
}

// --- one event ----------------------------------------------------------------------------------------------------------

function fieldNumber(trace, i, field) {
  const info = trace.type[i], at = (trace.rank[i] * trace.types[info].fields.length + field) * 2;
  return (trace.values[info][at + 1] | 0) * TWO32 + trace.values[info][at];
}

function fieldBig(trace, i, field) {
  const info = trace.type[i], at = (trace.rank[i] * trace.types[info].fields.length + field) * 2;
  return BigInt(trace.values[info][at + 1]) << 32n | BigInt(trace.values[info][at]);
}

const CLOCKS = ['realtime', 'virtual', 'host', 'virtual_rt'];

function fieldText(trace, i, field) {
  const info = trace.types[trace.type[i]], [name, format] = info.fields[field], big = fieldBig(trace, i, field);
  if (format === 'x') return '0x' + big.toString(16);
  if (format === 'c') return CLOCKS[big] || '?';
  const text = BigInt.asIntN(64, big).toString();
  if (format === 't') return text + 'ns';
  if (name === 'cause' && info.known) {
    const names = info.name.startsWith('interrupt_') ? trace.meta.interrupts : info.name === 'exception_taken' ? trace.meta.exceptions : {};
    const named = names[text];
    if (named) return `${text}(${named})`;
  }
  return text;
}

function labelText(trace, i) { return trace.label[i] === 0 ? '?' : trace.meta.labels[trace.label[i] - 1]; }

// What `monochord-trace show` prints behind the stamps.
function eventText(trace, i) {
  const info = trace.types[trace.type[i]];
  let text = info.name;
  if (info.label) text += ` ${info.label}=${labelText(trace, i)}`;
  for (let f = 0; f < info.fields.length; f++) text += ` ${info.fields[f][0]}=${fieldText(trace, i, f)}`;
  return text;
}

function durationText(ns) {
  const size = Math.abs(ns);
  for (const [factor, unit] of [[1e9, 's'], [1e6, 'ms'], [1e3, 'µs']])
    if (size >= factor) return +(ns / factor).toPrecision(5) + ' ' + unit;
  return +ns.toPrecision(5) + ' ns';
}

function countText(count) { return Math.round(count).toLocaleString('en').replace(/,/g, ' '); }
