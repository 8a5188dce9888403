// Draws the lanes. Level of detail: a lane with more spans than pixels is drawn a pixel column at a time, with the share of it that spans cover as
// opacity; the share comes from prefix sums and two binary searches, so a frame costs the same for a thousand events and for a million.

const GUTTER = 176;
const RULER = 34;
const PAD = 10;
const GROUP_HEAD = 20;
const OVERVIEW_BAND = 40;

const COLORS = ['back', 'panel', 'ink', 'soft', 'line', 'faint', 'accent', 'select', 'mainline', 'timer', 'external', 'software', 'exception',
    'ecall', 'other',
  'user', 'supervisor', 'machine', 'asleep', 'wave', 'armed', 'pending', 'mmio'];

class Timeline {
  constructor(trace, model, lanesCanvas, overviewCanvas) {
    this.trace = trace;
    this.model = model;
    this.lanesCanvas = lanesCanvas;
    this.overviewCanvas = overviewCanvas;
    this.axisName = 'ns';
    this.selected = -1;
    this.densities = {};
    this.placeLanes();
    this.readColors();
    this.fit();
  }
  get axis() { return this.trace.axis[this.axisName]; }
  get first() { return this.trace.n ? this.axis[0] : 0; }
  get last() { return this.trace.n ? this.axis[this.trace.n - 1] : 1; }
  get scale() { return (this.width - GUTTER - PAD) / (this.to - this.from); }
  get columns() { return Math.max(1, Math.floor(this.width - GUTTER - PAD)); }
  x(value) { return GUTTER + (value - this.from) * this.scale; }
  value(x) { return this.from + (x - GUTTER) / this.scale; }

  readColors() {
    const style = getComputedStyle(document.documentElement);
    this.family = getComputedStyle(document.body).fontFamily;
    this.colors = Object.fromEntries(COLORS.map(name => [name, style.getPropertyValue('--' + name).trim()]));
  }
  placeLanes() {
    let y = 4, group = '';
    this.groups = [];
    for (const lane of this.model.lanes) {
      if (lane.group !== group) {
        this.groups.push({name: lane.group, y});
        y += GROUP_HEAD;
        group = lane.group;
      }
      lane.y = y;
      y += lane.height + (lane.joined ? 1 : 4);
    }
    this.height = y + 6;
  }
  fit() { this.setView(this.first, this.last); }
  // A view keeps a little of the trace in it, and is never so narrow that doubles run out.
  setView(from, to) {
    const whole = Math.max(1, this.last - this.first), span = Math.min(Math.max(to - from, 4), whole * 1.02);
    const middle = Math.min(Math.max((from + to) / 2, this.first), this.last);
    this.from = middle - span / 2;
    this.to = middle + span / 2;
  }
  zoom(factor, at) {
    const pivot = at === undefined ? (this.from + this.to) / 2 : at;
    this.setView(pivot - (pivot - this.from) * factor, pivot + (this.to - pivot) * factor);
  }
  pan(share) {
    const by = (this.to - this.from) * share;
    this.setView(this.from + by, this.to + by);
  }
  // The same events on the other axis.
  changeAxis(name) {
    const axis = this.axis, n = this.trace.n;
    const a = Math.max(0, lowerBound(axis, this.from) - 1), b = Math.min(n - 1, upperBound(axis, this.to));
    this.axisName = name;
    if (n) this.setView(this.axis[a], this.axis[b]);
  }
  show(i) {
    const at = this.axis[i];
    if (at < this.from || at > this.to) this.setView(at - (this.to - this.from) / 2, at + (this.to - this.from) / 2);
  }

  prepare(canvas, height) {
    const ratio = window.devicePixelRatio || 1, width = canvas.parentElement.clientWidth || document.documentElement.clientWidth;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.height = height + 'px';
    }
    const context = canvas.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    return [context, width];
  }

  draw() {
    const begin = performance.now();
    const [context, width] = this.prepare(this.lanesCanvas, this.height);
    this.width = width;
    this.edgesNow = null;
    this.context = context;
    context.font = '12px ' + this.family;
    context.textBaseline = 'middle';
    if (this.trace.n) {
      this.drawGrid(context);
      for (const lane of this.model.lanes) this.drawLane(context, lane);
      this.drawSelection(context);
    }
    this.drawGutter(context);
    this.drawOverview();
    this.drawMs = performance.now() - begin;
  }

  drawGutter(context) {
    const {colors} = this;
    context.fillStyle = colors.panel;
    context.fillRect(0, 0, GUTTER, this.height);
    context.fillStyle = colors.line;
    context.fillRect(GUTTER - 1, 0, 1, this.height);
    for (const group of this.groups) {
      context.fillStyle = colors.soft;
      context.font = '600 11px ' + this.family;
      context.fillText(group.name.toUpperCase(), 14, group.y + GROUP_HEAD / 2 + 1);
    }
    context.font = '12px ' + this.family;
    for (const lane of this.model.lanes) {
      context.fillStyle = lane === this.hovered ? colors.accent : colors.ink;
      context.fillText(this.clip(context, lane.name, GUTTER - 30), 22, lane.y + lane.height / 2 + .5);
    }
  }
  clip(context, text, width) {
    if (context.measureText(text).width <= width) return text;
    while (text.length > 1 && context.measureText(text + '…').width > width) text = text.slice(0, -1);
    return text + '…';
  }

  drawLane(context, lane) {
    context.fillStyle = this.colors.faint;
    if (lane.style === 'wave') context.fillRect(GUTTER, lane.y + lane.height - 1, this.width - GUTTER, 1);
    else context.fillRect(GUTTER, lane.y, this.width - GUTTER, lane.height);
    if (lane.spans) this.drawSpans(context, lane);
    if (lane.ticks) this.drawTicks(context, lane);
  }

  drawSpans(context, lane) {
    const {spans} = lane, axis = this.axis, color = kind => this.colors[lane.color || kind];
    const first = upperBound(axis, this.from, spans.end), last = lowerBound(axis, this.to, spans.begin);
    const [y, h] = lane.style === 'wave' ? [lane.y + 2, lane.height - 3] : [lane.y, lane.height];
    if (last - first <= 2 * this.columns) {
      for (let i = Math.max(0, first - 1); i < last; i++) {
        const x0 = Math.max(GUTTER, this.x(axis[spans.begin[i]])), x1 = Math.min(this.width, this.x(axis[spans.end[i]]));
        if (x1 < GUTTER) continue;
        context.fillStyle = color(spans.kind[i]);
        context.fillRect(x0, y, Math.max(1, x1 - x0), h);
        if (x1 - x0 > 40) this.drawSpanText(context, lane, i, x0, x1);
      }
      return;
    }
    const sum = spans.sum(this.axisName, axis), step = (this.to - this.from) / this.columns, {after, notBefore} = this.edges();
    let a = first, run = 0, runAlpha = 0, runKind = null;
    const flush = px => {
      if (runAlpha > 0) {
        context.globalAlpha = runAlpha;
        context.fillStyle = color(runKind);
        context.fillRect(GUTTER + run, y, px - run, h);
      }
      run = px;
    };
    for (let px = 0; px < this.columns; px++) {
      const t0 = this.from + px * step, t1 = t0 + step;
      a = gallop(spans.end, after[px], a);
      const b = gallop(spans.begin, notBefore[px + 1], a);
      let alpha = 0;
      if (b > a) {
        let covered = sum[b] - sum[a];
        covered -= Math.max(0, t0 - axis[spans.begin[a]]) + Math.max(0, axis[spans.end[b - 1]] - t1);
        alpha = Math.round((.25 + .75 * Math.min(1, Math.max(0, covered / step))) * 12) / 12;
      }
      const kind = b > a ? spans.kind[a] : null;
      if (alpha !== runAlpha || kind !== runKind) {
        flush(px);
        runAlpha = alpha;
        runKind = kind;
      }
    }
    flush(this.columns);
    context.globalAlpha = 1;
  }
  drawSpanText(context, lane, i, x0, x1) {
    if (lane.style === 'wave' || lane.height < 14) return;
    const name = this.spanName(lane, i);
    if (!name) return;
    context.fillStyle = ['mainline', 'armed', 'ecall'].includes(lane.spans.kind[i]) ? this.colors.ink : '#fff';
    context.font = '11px ' + this.family;
    context.fillText(this.clip(context, name, x1 - x0 - 10), x0 + 5, lane.y + lane.height / 2 + .5);
  }
  spanName(lane, i) {
    const {trace} = this, begin = lane.spans.begin[i], info = trace.types[trace.type[begin]];
    if (lane.name.startsWith('handler')) {
      const text = fieldText(trace, begin, info.fields.findIndex(([name]) => name === 'cause'));
      return text.replace(/^.*\((.*)\)$/, '$1');
    }
    return {user: 'U', supervisor: 'S', machine: 'M'}[lane.spans.kind[i]] || '';
  }

  // For each pixel column's left edge the first event after it, and the first not before it: then every lane searches event numbers.
  edges() {
    if (!this.edgesNow) {
      const {axis, columns} = this, step = (this.to - this.from) / columns;
      const after = new Int32Array(columns + 1), notBefore = new Int32Array(columns + 1);
      for (let px = 0, a = 0; px <= columns; px++) {
        notBefore[px] = a = lowerBound(axis, this.from + px * step, null, a);
        after[px] = upperBound(axis, this.from + px * step, null, a);
      }
      this.edgesNow = {after, notBefore};
    }
    return this.edgesNow;
  }

  drawTicks(context, lane) {
    const {ticks} = lane, axis = this.axis;
    const first = lowerBound(axis, this.from, ticks.at), last = upperBound(axis, this.to, ticks.at);
    const draw = (x, kind) => {
      context.fillStyle = this.colors[kind];
      context.fillRect(x - .75, lane.y, 1.5, lane.height);
    };
    if (last - first <= 2 * this.columns) {
      for (let i = first; i < last; i++) draw(this.x(axis[ticks.at[i]]), ticks.kind[i]);
      return;
    }
    const {notBefore} = this.edges();
    for (let px = 0, a = first; px < this.columns && a < last; px++) {
      const b = Math.min(last, gallop(ticks.at, notBefore[px + 1], a));
      // Few stand out, many become a surface whose strength still tells how many.
      context.globalAlpha = Math.min(1, .3 + .1 * Math.log2(b - a + 1));
      if (b > a) draw(GUTTER + px + .5, ticks.kind[a]);
      a = b;
    }
    context.globalAlpha = 1;
  }

  // --- rulers ---
  steps(axisName) {
    const wanted = (this.to - this.from) / Math.max(2, this.columns / 130), power = 10 ** Math.floor(Math.log10(wanted));
    return Math.max(1, [1, 2, 5, 10].map(f => f * power).find(s => s >= wanted));
  }
  marks() {
    const step = this.steps(), marks = [];
    for (let v = Math.ceil(this.from / step) * step; v <= this.to; v += step) marks.push(v);
    return marks;
  }
  drawGrid(context) {
    context.fillStyle = this.colors.line;
    context.globalAlpha = .6;
    for (const mark of this.marks()) context.fillRect(Math.round(this.x(mark)), 0, 1, this.height);
    context.globalAlpha = 1;
  }
  // What the other axis shows at a place of this one: the last event at or before it.
  otherAt(value) {
    const i = Math.max(0, upperBound(this.axis, value) - 1);
    return this.axisName === 'ns' ? countText(this.trace.instruction[i]) : durationText(this.trace.ns[i]);
  }
  markText(value) {
    if (this.axisName === 'insn') return countText(value);
    // As many digits as tell two marks apart.
    const step = this.steps(), [factor, unit] = [[1e9, 's'], [1e6, 'ms'], [1e3, 'µs'], [1, 'ns']].find(([f]) => Math.abs(this.to) >= f) || [1, 'ns'];
    return (value / factor).toFixed(Math.max(0, Math.ceil(Math.log10(factor / step) - 1e-9))) + ' ' + unit;
  }

  // --- the whole trace, with the view in it, and the rulers below ---
  density(columns) {
    const key = this.axisName + columns;
    if (!this.densities[key]) {
      const counts = new Float64Array(columns), axis = this.axis, whole = Math.max(1e-9, this.last - this.first);
      for (let px = 0, a = 0; px < columns; px++) {
        const b = px === columns - 1 ? axis.length : lowerBound(axis, this.first + whole * (px + 1) / columns, null, a);
        counts[px] = b - a;
        a = b;
      }
      const most = Math.log1p(counts.reduce((x, y) => Math.max(x, y), 1));
      this.densities = {[key]: counts.map(c => Math.log1p(c) / most)};
    }
    return this.densities[key];
  }
  drawOverview() {
    const height = OVERVIEW_BAND + 8 + RULER + 4, [context] = this.prepare(this.overviewCanvas, height), {colors} = this;
    const columns = this.columns, whole = Math.max(1e-9, this.last - this.first);
    context.fillStyle = colors.panel;
    context.fillRect(GUTTER, 0, columns, OVERVIEW_BAND);
    context.fillStyle = colors.wave;
    context.globalAlpha = .75;
    if (this.trace.n) {
      const density = this.density(columns);
      for (let px = 0; px < columns; px++) {
        const h = density[px] * (OVERVIEW_BAND - 6);
        if (h > 0) context.fillRect(GUTTER + px, OVERVIEW_BAND - h, 1, h);
      }
    }
    context.globalAlpha = 1;
    const x0 = GUTTER + Math.max(0, (this.from - this.first) / whole * columns);
    const x1 = GUTTER + Math.min(columns, (this.to - this.first) / whole * columns);
    context.fillStyle = colors.back;
    context.globalAlpha = .65;
    context.fillRect(GUTTER, 0, Math.max(0, x0 - GUTTER), OVERVIEW_BAND);
    context.fillRect(x1, 0, Math.max(0, GUTTER + columns - x1), OVERVIEW_BAND);
    context.globalAlpha = 1;
    context.strokeStyle = colors.accent;
    context.lineWidth = 1.5;
    context.strokeRect(x0, .75, Math.max(2, x1 - x0), OVERVIEW_BAND - 1.5);
    context.textBaseline = 'middle';
    context.font = '11px ' + this.family;
    context.fillStyle = colors.soft;
    context.fillText('whole trace', 14, OVERVIEW_BAND / 2);
    context.fillText(this.axisName === 'ns' ? 'virtual time' : 'instructions', 14, OVERVIEW_BAND + 16);
    context.fillText(this.axisName === 'ns' ? 'instructions' : 'virtual time', 14, OVERVIEW_BAND + 32);
    if (!this.trace.n) return;
    let edge = -Infinity;
    for (const mark of this.marks()) {
      const x = Math.round(this.x(mark)), text = this.markText(mark), other = this.otherAt(mark);
      context.fillStyle = colors.line;
      context.fillRect(x, OVERVIEW_BAND + 8, 1, RULER + 4);
      if (x + 5 < edge) continue;
      const textWidth = Math.max(context.measureText(text).width, context.measureText(other).width);
      if (x + textWidth + 5 > this.width) continue;
      context.fillStyle = colors.ink;
      context.fillText(text, x + 5, OVERVIEW_BAND + 16);
      context.fillStyle = colors.soft;
      context.fillText(other, x + 5, OVERVIEW_BAND + 32);
      edge = x + 5 + textWidth + 8;
    }
  }

  // --- the cursor, and the chain of its event across the lanes ---
  laneOf(i) {
    const lanes = this.model.lanes;
    const has = index => { const at = lowerBound(index, i); return at < index.length && index[at] === i; };
    return lanes.find(l => l.ticks && has(l.ticks.at)) || lanes.find(l => l.name.startsWith('handler') && (has(l.spans.begin) || has(l.spans.end))) ||
      lanes.find(l => l.spans && l.spans.length && l.name !== 'mainline' && (has(l.spans.begin) || has(l.spans.end)));
  }
  drawSelection(context) {
    if (this.selected < 0) return;
    const {colors, axis} = this, x = this.x(axis[this.selected]);
    context.strokeStyle = colors.accent;
    context.fillStyle = colors.accent;
    const chain = this.model.chain(this.selected);
    let before = null;
    context.lineWidth = 1.5;
    for (const i of chain) {
      const lane = this.laneOf(i);
      if (!lane) continue;
      const point = {x: Math.min(Math.max(this.x(axis[i]), GUTTER - 50), this.width + 50), y: lane.y + lane.height / 2};
      if (before) {
        const bend = Math.abs(point.x - before.x) / 2;
        context.beginPath();
        context.moveTo(before.x, before.y);
        context.bezierCurveTo(before.x + bend, before.y, point.x - bend, point.y, point.x, point.y);
        context.globalAlpha = .8;
        context.stroke();
        context.globalAlpha = 1;
      }
      context.beginPath();
      context.arc(point.x, point.y, 3.5, 0, 7);
      context.fill();
      before = point;
    }
    if (x >= GUTTER && x <= this.width) context.fillRect(x - .5, 0, 1, this.height);
  }

  // --- what is at a place ---
  laneAt(y) { return this.model.lanes.find(lane => y >= lane.y - 2 && y < lane.y + lane.height + 2); }
  // The span of a lane at x, or -1.
  spanAt(lane, x) {
    const {spans} = lane, axis = this.axis;
    if (!spans || !spans.length) return -1;
    const slack = 2 / this.scale, value = this.value(x);
    const i = lowerBound(axis, value - slack, spans.end);
    return i < spans.length && axis[spans.begin[i]] <= value + slack ? i : -1;
  }
  eventAt(lane, x) {
    const axis = this.axis, value = this.value(x);
    if (lane) {
      if (lane.ticks && lane.ticks.length) {
        let i = lowerBound(axis, value, lane.ticks.at);
        if (i > 0 && (i === lane.ticks.length || value - axis[lane.ticks.at[i - 1]] < axis[lane.ticks.at[i]] - value)) i--;
        if (Math.abs(this.x(axis[lane.ticks.at[i]]) - x) < 6) return lane.ticks.at[i];
      }
      const span = this.spanAt(lane, x);
      if (span >= 0 && lane.name !== 'mainline') {
        const {begin, end} = lane.spans;
        return Math.abs(this.x(axis[end[span]]) - x) < Math.min(6, Math.abs(this.x(axis[begin[span]]) - x)) ? end[span] : begin[span];
      }
    }
    let i = lowerBound(axis, value);
    if (i > 0 && (i === axis.length || value - axis[i - 1] < axis[i] - value)) i--;
    return this.trace.n ? i : -1;
  }
}
