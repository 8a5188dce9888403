// Puts the page together: reads the data, listens to mouse and keys.

const KEYS = [
  ['← →', 'earlier, later'], ['Shift ← →', 'a whole screen'], ['↑ ↓', 'the event before, the next one'],
  ['+ −', 'closer, farther: around the cursor; also the wheel'],
  ['0', 'the whole trace'], ['Home End', 'first event, last event'], ['t', 'axis: time or instructions'],
  ['/', 'search: name, label, cause, name=number, 0xaddress, #event, @instruction'],
  ['n N', 'next match, the one before'], ['f', 'fit the chain of the selected event'], ['d', 'light, dark'], ['Esc', 'drop the cursor'],
  ['?', 'this list'],
];
const LEGEND = [['mainline', 'mainline'], ['timer', 'timer interrupt, timer fired'], ['external', 'external interrupt'],
  ['software', 'software interrupt'], ['ecall', 'ecall'], ['exception', 'exception, marker'], ['user', 'U'],
  ['supervisor', 'S, CSR write'], ['machine', 'M'], ['asleep', 'asleep'],
  ['pending', 'pending'], ['armed', 'timer armed'], ['wave', 'line raised, input'], ['mmio', 'device access']];

class Page {
  constructor(trace) {
    this.trace = trace;
    this.model = new Model(trace);
    const $ = id => document.getElementById(id);
    this.timeline = new Timeline(trace, this.model, $('lanes'), $('overview'));
    const select = (i, show) => this.select(i, show);
    this.list = new EventList(trace, $('list'), select);
    this.details = new Details(trace, this.model, $('details'), select);
    this.matches = null;
    this.frames = [];
    $('title').textContent = trace.meta.name;
    const span = trace.n ? durationText(trace.ns[trace.n - 1] - trace.ns[0]) : 'nothing';
    const counted = trace.n ? ` · ${countText(trace.instruction[trace.n - 1] - trace.instruction[0])} instructions` : '';
    $('summary').textContent = `${countText(trace.n)} events · ${span}${counted}` + (trace.meta.host ? ' · host stream' : '') +
      (trace.meta.ring ? ' · ring: the last events only' : '') + (trace.meta.closed ? '' : ' · was not closed');
    this.fillHelp($('help'));
    this.fillLegend($('legend'));
    this.listen($);
    this.setAxisButton();
    this.details.show(-1);
    this.resize();
  }

  // --- state ---
  select(i, show) {
    this.timeline.selected = i;
    if (show && i >= 0) this.timeline.show(i);
    this.list.show(Math.max(0, i));
    this.details.show(i);
    this.list.selected = i;
    this.redraw();
  }
  step(by) {
    const {selected} = this.timeline, n = this.trace.n;
    if (n) this.select(selected < 0 ? this.firstInView() : Math.max(0, Math.min(n - 1, selected + by)), true);
  }
  firstInView() { return Math.min(this.trace.n - 1, lowerBound(this.timeline.axis, this.timeline.from)); }
  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.timeline.draw();
      this.frames.push(this.timeline.drawMs);
      if (this.frames.length > 1000) this.frames.shift();
    });
  }
  resize() {
    const scroll = document.getElementById('scroll');
    scroll.style.maxHeight = Math.max(120, window.innerHeight - 400) + 'px';
    this.list.draw();
    this.redraw();
  }
  toggleAxis() {
    this.timeline.changeAxis(this.timeline.axisName === 'ns' ? 'insn' : 'ns');
    this.setAxisButton();
    this.redraw();
  }
  setAxisButton() { document.getElementById('axis').textContent = this.timeline.axisName === 'ns' ? 'Axis: time' : 'Axis: instructions'; }
  toggleTheme() {
    const root = document.documentElement, dark = root.dataset.theme !== 'dark';
    root.dataset.theme = dark ? 'dark' : 'light';
    this.timeline.readColors();
    this.redraw();
  }
  fitChain() {
    const chain = this.timeline.selected < 0 ? [] : this.model.chain(this.timeline.selected), axis = this.timeline.axis;
    if (chain.length < 2) return;
    const from = axis[chain[0]], to = axis[chain[chain.length - 1]], margin = Math.max(4, (to - from) * .1);
    this.timeline.setView(from - margin, to + margin);
    this.redraw();
  }

  // --- search ---
  setQuery(text) {
    this.matches = this.list.matches = compileQuery(this.trace, text);
    const found = document.getElementById('found');
    if (!this.matches) {
      found.textContent = '';
    } else {
      let count = 0;
      for (let i = 0; i < this.trace.n; i++) if (this.matches(i)) count++;
      found.textContent = count === 0 ? 'none' : countText(count);
    }
    this.list.draw();
  }
  findNext(direction) {
    if (!this.matches) return;
    const n = this.trace.n;
    let at = this.timeline.selected >= 0 ? this.timeline.selected : direction > 0 ? this.firstInView() - 1 : this.firstInView();
    for (let tried = 0; tried < n; tried++) {
      at = (at + direction + n) % n;
      if (this.matches(at)) return this.select(at, true);
    }
  }

  // --- mouse and keys ---
  listen($) {
    const lanes = $('lanes'), overview = $('overview'), search = $('search'), tip = $('tip'), {timeline} = this;
    $('axis').onclick = () => this.toggleAxis();
    $('fit').onclick = () => { timeline.fit(); this.redraw(); };
    $('theme').onclick = () => this.toggleTheme();
    $('help-button').onclick = () => { $('help').hidden = !$('help').hidden; };
    window.addEventListener('resize', () => this.resize());

    for (const canvas of [lanes, overview]) {
      canvas.addEventListener('wheel', event => {
        if (event.shiftKey) return;  // scrolls the lanes
        event.preventDefault();
        if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) timeline.pan(event.deltaX / 1000);
        else timeline.zoom(1.0015 ** Math.max(-400, Math.min(400, event.deltaY)), canvas === lanes ? timeline.value(event.offsetX) : undefined);
        this.redraw();
      }, {passive: false});
    }
    let drag = null;
    lanes.addEventListener('pointerdown', event => {
      drag = {x: event.offsetX, from: timeline.from, to: timeline.to, moved: false};
      lanes.setPointerCapture(event.pointerId);
      tip.hidden = true;
    });
    lanes.addEventListener('pointermove', event => {
      if (!drag) return this.hover(event, tip);
      const by = (drag.x - event.offsetX) / timeline.scale;
      drag.moved = drag.moved || Math.abs(drag.x - event.offsetX) > 3;
      if (drag.moved) { timeline.setView(drag.from + by, drag.to + by); this.redraw(); }
    });
    lanes.addEventListener('pointerup', event => {
      if (drag && !drag.moved && event.offsetX > GUTTER) this.select(timeline.eventAt(timeline.laneAt(event.offsetY), event.offsetX), false);
      drag = null;
    });
    lanes.addEventListener('pointerleave', () => { tip.hidden = true; timeline.hovered = null; this.redraw(); });

    let sweep = null;
    const valueInOverview = event => timeline.first + (event.offsetX - GUTTER) / timeline.columns * (timeline.last - timeline.first);
    overview.addEventListener('pointerdown', event => { sweep = valueInOverview(event); overview.setPointerCapture(event.pointerId); });
    overview.addEventListener('pointermove', event => {
      if (sweep === null) return;
      const now = valueInOverview(event);
      timeline.setView(Math.min(sweep, now), Math.max(sweep, now));
      this.redraw();
    });
    overview.addEventListener('pointerup', event => {
      const now = valueInOverview(event), width = timeline.to - timeline.from;
      if (sweep === now) { timeline.setView(now - width / 2, now + width / 2); this.redraw(); }
      sweep = null;
    });

    search.addEventListener('input', () => this.setQuery(search.value));
    search.addEventListener('keydown', event => {
      if (event.key === 'Enter') this.findNext(event.shiftKey ? -1 : 1);
      if (event.key === 'Escape') search.blur();
      event.stopPropagation();
    });
    window.addEventListener('keydown', event => this.key(event, $));
  }
  key(event, $) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const {timeline} = this, cursor = () => {
      const at = timeline.selected >= 0 ? timeline.axis[timeline.selected] : undefined;
      return at >= timeline.from && at <= timeline.to ? at : undefined;
    };
    const view = change => { change(); this.redraw(); };
    const actions = {
      'ArrowLeft': () => view(() => timeline.pan(event.shiftKey ? -1 : -.1)), 'ArrowRight': () => view(() => timeline.pan(event.shiftKey ? 1 : .1)),
      'ArrowUp': () => this.step(-1), 'ArrowDown': () => this.step(1),
      '+': () => view(() => timeline.zoom(.7, cursor())), '=': () => view(() => timeline.zoom(.7, cursor())),
      '-': () => view(() => timeline.zoom(1 / .7, cursor())),
      '0': () => view(() => timeline.fit()), 'Home': () => this.trace.n && this.select(0, true),
      'End': () => this.trace.n && this.select(this.trace.n - 1, true),
      't': () => this.toggleAxis(), '/': () => $('search').focus(), 'n': () => this.findNext(1), 'N': () => this.findNext(-1),
      'f': () => this.fitChain(),
      'd': () => this.toggleTheme(), '?': () => { $('help').hidden = !$('help').hidden; }, 
      'Escape': () => { $('help').hidden = true; this.select(-1); },
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }
  hover(event, tip) {
    const {timeline, trace} = this, lane = timeline.laneAt(event.offsetY);
    if (lane !== timeline.hovered) { timeline.hovered = lane; this.redraw(); }
    tip.hidden = !lane || event.offsetX < GUTTER;
    if (tip.hidden) return;
    tip.textContent = '';
    const line = text => { tip.append(element('span', '', text), element('br')); };
    tip.append(element('b', '', lane.name), element('br'));
    const span = timeline.spanAt(lane, event.offsetX), i = timeline.eventAt(lane, event.offsetX);
    if (span >= 0) {
      const begin = lane.spans.begin[span], end = lane.spans.end[span];
      line(`${durationText(trace.ns[end] - trace.ns[begin])}, ${countText(trace.instruction[end] - trace.instruction[begin])} instructions`);
    }
    if (i >= 0 && (span >= 0 || lane.ticks) && lane.name !== 'mainline') line(`#${trace.sequence[i]} ${eventText(trace, i)}`);
    const value = timeline.value(event.offsetX);
    line(`at ${timeline.markText(value)} · ${timeline.otherAt(value)}${timeline.axisName === 'ns' ? ' insn' : ''}`);
    tip.style.left = Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8) + 'px';
    tip.style.top = Math.min(event.clientY + 16, window.innerHeight - tip.offsetHeight - 8) + 'px';
  }

  fillHelp(box) {
    const table = element('table');
    for (const [keys, what] of KEYS) {
      const row = element('tr'), cell = element('td');
      for (const key of keys.split(' ')) cell.append(element('kbd', '', key), ' ');
      row.append(cell, element('td', '', what));
      table.append(row);
    }
    box.append(table);
  }
  fillLegend(box) {
    for (const [color, what] of LEGEND) {
      const item = element('span'), dot = element('i');
      dot.style.background = `var(--${color})`;
      item.append(dot, what);
      box.append(item);
    }
  }
}

async function start() {
  const begin = performance.now(), wait = document.getElementById('wait');
  document.documentElement.dataset.theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  try {
    const trace = await readTrace(document.getElementById('data').textContent);
    document.getElementById('data').remove();
    window.page = new Page(trace);
    window.page.loadMs = performance.now() - begin;
    wait.hidden = true;
    window.page.resize();
  } catch (error) {
    wait.textContent = `This page's data cannot be read: ${error.message}`;
    throw error;
  }
}
// In node (tests/tools) there is no document, and the functions above are used by themselves.
if (typeof document !== 'undefined') start();
