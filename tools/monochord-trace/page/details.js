// What is told about the selected event, the list around it, and the search.

const element = (name, className, text) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

// Colour of an event in list and details.
function eventColor(trace, i) {
  const name = trace.types[trace.type[i]].name;
  if (/timer/.test(name)) return 'var(--timer)';
  if (/^interrupt_taken/.test(name)) return 'var(--external)';
  if (/^interrupt_/.test(name)) return 'var(--external)';
  if (/^irq_line/.test(name)) return 'var(--wave)';
  if (/^exception/.test(name)) return 'var(--exception)';
  if (/^(trap_entered|mret|sret)/.test(name)) return 'var(--machine)';
  if (/^wfi/.test(name)) return 'var(--soft)';
  if (/^mmio/.test(name)) return 'var(--mmio)';
  if (/^csr/.test(name)) return 'var(--supervisor)';
  return 'var(--other)';
}

class Details {
  constructor(trace, model, box, select) {
    this.trace = trace;
    this.model = model;
    this.box = box;
    this.select = select;
    this.code = new Map(trace.meta.code ? trace.meta.code.lines : []);
    this.addresses = trace.meta.code ? trace.meta.code.lines.map(([address]) => BigInt(address)) : [];
  }

  show(i) {
    const {trace, box} = this;
    box.textContent = '';
    if (i < 0) {
      box.append(element('p', '', 'Click an event in the lanes or in the list.'));
      return;
    }
    const info = trace.types[trace.type[i]];
    const head = element('h2');
    const dot = element('i');
    dot.style.background = eventColor(trace, i);
    head.append(dot, info.name + (info.label ? '  ' + labelText(trace, i) : ''));
    box.append(head, element('p', '', info.meaning ? info.meaning[0].toUpperCase() + info.meaning.slice(1) + '.' : 'An event of another version.'));
    this.showChain(i);
    this.table([['event', '#' + trace.sequence[i]], ['instruction', countText(trace.instruction[i])],
                ['virtual time', `${countText(trace.ns[i])} ns`, durationText(trace.ns[i])],
                ...info.fields.map(([name, format], f) =>
                  [name, fieldText(trace, i, f), format === 't' ? durationText(fieldNumber(trace, i, f)) : ''])]);
    this.showCode(i);
  }
  table(rows) {
    const table = element('table');
    for (const row of rows) {
      const line = element('tr');
      for (const cell of row) line.append(element('td', '', cell));
      table.append(line);
    }
    this.box.append(table);
  }
  showChain(i) {
    const {trace} = this, chain = this.model.chain(i);
    if (chain.length < 2) return;
    const line = element('div', 'chain');
    chain.forEach((event, at) => {
      if (at > 0) {
        const before = chain[at - 1];
        line.append(element('span', '',
            `→ ${durationText(trace.ns[event] - trace.ns[before])}, ${countText(trace.instruction[event] - trace.instruction[before])} insn →`));
      }
      const button = element('button', event === i ? 'on' : '', trace.types[trace.type[event]].name);
      button.onclick = () => this.select(event, true);
      line.append(button);
    });
    this.box.append(line);
  }
  showCode(i) {
    const {trace} = this, info = trace.types[trace.type[i]];
    const field = info.fields.findIndex(([name]) => name === 'epc');
    if (field < 0) return;
    const epc = fieldBig(trace, i, field), name = '0x' + epc.toString(16);
    const symbol = trace.meta.code && trace.meta.code.symbols[name];
    const head = element('h3', '', 'interrupted at ');
    head.append(element('code', '', name + (symbol ? '  ' + symbol : '')));
    this.box.append(head);
    if (!trace.meta.code) {
      this.box.append(element('p', '', 'No disassembly: the page was made without --elf.'));
      return;
    }
    if (!this.code.has(name)) {
      this.box.append(element('p', '', 'No file given with --elf has code there.'));
      return;
    }
    const code = element('div', 'code'), at = lowerBound(this.addresses, epc);
    let from = at, to = at;
    // Neighbours that are farther apart than an instruction belong to another place.
    while (from > 0 && at - from < 8 && this.addresses[from] - this.addresses[from - 1] <= 4n) from--;
    while (to + 1 < this.addresses.length && to - at < 8 && this.addresses[to + 1] - this.addresses[to] <= 4n) to++;
    for (let k = from; k <= to; k++) {
      const address = '0x' + this.addresses[k].toString(16), row = element('div', k === at ? 'on' : '');
      row.append(element('span', '', (k === at ? '▸ ' : '  ') + address + '  '), this.code.get(address));
      code.append(row);
    }
    this.box.append(code);
  }
}

const ROW = 20;

// A window of the events: as many rows as fit, around the cursor or where the wheel left it.
class EventList {
  constructor(trace, box, select) {
    this.trace = trace;
    this.box = box;
    this.top = 0;
    this.selected = -1;
    this.matches = null;
    this.select = select;
    box.addEventListener('wheel', event => {
      event.preventDefault();
      this.scroll(Math.sign(event.deltaY) * 3);
    }, {passive: false});
    box.addEventListener('click', event => {
      const row = event.target.closest('[data-event]');
      if (row) select(+row.dataset.event, true);
    });
  }
  get rows() { return Math.max(1, Math.floor(this.box.clientHeight / ROW)); }
  scroll(by) {
    this.top += by;
    this.draw();
  }
  show(i) {
    this.selected = i;
    if (i < this.top || i >= this.top + this.rows) this.top = i - (this.rows >> 1);
    this.draw();
  }
  draw() {
    const {trace} = this;
    this.top = Math.max(0, Math.min(this.top, trace.n - this.rows));
    const rows = [], end = Math.min(trace.n, this.top + this.rows + 1);
    const widths = [trace.sequence, trace.instruction, trace.ns].map(v => trace.n ? String(v[end - 1]).length : 1);
    for (let i = this.top; i < end; i++) {
      const row = element('div', i === this.selected ? 'on' : this.matches && this.matches(i) ? 'match' : '');
      row.dataset.event = i;
      const pad = (value, w) => String(value).padStart(w);
      row.append(element('span', 'stamp',
          `${pad(trace.sequence[i], widths[0])}  ${pad(trace.instruction[i], widths[1])}  ${pad(trace.ns[i], widths[2])}ns  `));
      const text = eventText(trace, i), space = (text + ' ').indexOf(' '), name = element('b', '', text.slice(0, space));
      name.style.color = eventColor(trace, i);
      row.append(name, text.slice(space));
      rows.push(row);
    }
    this.box.replaceChildren(...rows);
  }
}

// A query is words; an event matches where each word does: part of its name or label, name=value, #sequence, @instruction, or a number in a field.
function compileQuery(trace, text) {
  const tests = text.trim().toLowerCase().split(/\s+/).filter(word => word !== '').map(word => {
    if (/^#\d+$/.test(word)) return i => trace.sequence[i] === +word.slice(1);
    if (/^@\d+$/.test(word)) return i => trace.instruction[i] === +word.slice(1);
    const equals = word.indexOf('='), wantedField = equals > 0 ? word.slice(0, equals) : null, wanted = equals > 0 ? word.slice(equals + 1) : word;
    const typeHit = trace.types.map(t => !wantedField && t.name.toLowerCase().includes(wanted));
    const labelHit = [false, ...trace.meta.labels.map(l => l.toLowerCase().includes(wanted))];
    const labelAsked = trace.types.map(t => t.label !== '' && (!wantedField || t.label.toLowerCase() === wantedField));
    const causes = [trace.meta.interrupts, trace.meta.exceptions].map(names => new Set(Object.entries(names).filter(([, name]) =>
      name.toLowerCase().replace(/ /g, '_').includes(wanted)).map(([number]) => +number)));
    const causeTable = trace.types.map(t =>
      !t.known ? null : t.name.startsWith('interrupt_') ? causes[0] : t.name === 'exception_taken' ? causes[1] : null);
    let number = null;
    if (/^(0x[0-9a-f]+|-?\d+)(ns)?$/.test(wanted)) number = BigInt.asUintN(64, BigInt(wanted.replace('ns', '')));
    const lo = number === null ? 0 : Number(number & 0xffffffffn), hi = number === null ? 0 : Number(number >> 32n);
    const fields = trace.types.map(t => t.fields.map(([name], f) => [name, f]).filter(([name]) => !wantedField || name === wantedField));
    return i => {
      const type = trace.type[i];
      if (typeHit[type] || (labelAsked[type] && labelHit[trace.label[i]])) return true;
      const values = trace.values[type], at = trace.rank[i] * trace.types[type].fields.length * 2;
      for (const [name, f] of fields[type]) {
        if (number !== null && values[at + f * 2] === lo && values[at + f * 2 + 1] === hi) return true;
        if (name === 'cause' && causeTable[type] && causeTable[type].has(values[at + f * 2])) return true;
      }
      return false;
    };
  });
  return tests.length === 0 ? null : i => tests.every(test => test(i));
}
