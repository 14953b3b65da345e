// A wall of any number of pictures of which only those in sight exist. It knows places (0, 1, 2 ...), not faces.
import { el, send, unpacked } from '/static/base.js';

const AHEAD = 1.2; // screens that exist above and below the one in sight
const AT_ONCE = 96; // pictures in one request
const ASKING = 3; // requests at a time
const KEPT = 6000; // pictures a browser holds: 20 MB

export class Wall {
  // `dress(node, place)` gives a cell its looks; `file(place)` names its picture.
  constructor({ box, sheet, px, at, file, dress, gap = 6 }) {
    Object.assign(this, { box, sheet, px, at, file, dress, gap });
    this.count = 0;
    this.cells = new Map(); // place -> node
    this.free = [];
    this.pictures = new Map(); // file -> address of the browser's own; '' for what cannot be read
    this.wanted = new Set();
    this.asking = 0;
    box.addEventListener('scroll', () => this.soon(), { passive: true });
    new ResizeObserver(() => this.measure()).observe(box);
  }

  show(count) {
    this.count = count;
    for (const place of [...this.cells.keys()]) this.drop(place);
    this.measure();
  }

  measure() {
    const style = getComputedStyle(this.box);
    const width = this.box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    this.columns = Math.max(1, Math.floor((width + this.gap) / (this.px + this.gap)));
    this.cell = (width + this.gap) / this.columns;
    this.rows = Math.ceil(this.count / this.columns);
    this.sheet.style.height = `${this.rows * this.cell}px`;
    for (const [place, node] of this.cells) this.put(node, place);
    this.draw();
  }

  get screen() {
    return Math.max(1, Math.floor(this.box.clientHeight / this.cell));
  }

  soon() {
    this.due ??= requestAnimationFrame(() => {
      this.due = undefined;
      this.draw();
    });
  }

  draw() {
    const [top, height] = [this.box.scrollTop, this.box.clientHeight];
    const first = Math.max(0, Math.floor((top - AHEAD * height) / this.cell)) * this.columns;
    const last = Math.min(this.count, Math.ceil((top + (1 + AHEAD) * height) / this.cell) * this.columns);
    for (const place of this.cells.keys()) if (place < first || place >= last) this.drop(place);
    for (let place = first; place < last; place++) if (!this.cells.has(place)) this.add(place);
    this.fetch();
  }

  add(place) {
    const node = this.free.pop() || el('div', { role: 'option' }, el('img', { alt: '', decoding: 'async', draggable: 'false' }), el('i'));
    node.id = `face-${place}`;
    node.dataset.place = place;
    this.cells.set(place, node);
    this.put(node, place);
    this.paint(node, place);
    this.dress(node, place);
    this.sheet.append(node);
  }

  put(node, place) {
    const [row, column] = [Math.floor(place / this.columns), place % this.columns];
    node.style.transform = `translate(${column * this.cell}px, ${row * this.cell}px)`;
    node.style.width = node.style.height = `${this.cell - this.gap}px`;
  }

  paint(node, place) {
    const picture = this.pictures.get(this.file(place));
    const img = node.firstChild;
    if (picture) {
      if (img.getAttribute('src') !== picture) img.src = picture;
    } else {
      img.removeAttribute('src');
      if (picture === undefined) this.wanted.add(place);
    }
    node.classList.toggle('unseen', picture === '');
  }

  drop(place) {
    const node = this.cells.get(place);
    node.remove();
    this.cells.delete(place);
    this.wanted.delete(place);
    if (this.free.length < 600) this.free.push(node);
  }

  again(place) {
    const node = this.cells.get(place);
    if (node) this.dress(node, place);
  }

  // What is in sight comes first; whoever scrolls fast asks only for where it comes to rest.
  fetch() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.fetchNow(), 40);
  }

  fetchNow() {
    while (this.asking < ASKING && this.wanted.size) {
      const middle = (this.box.scrollTop + this.box.clientHeight / 2) / this.cell * this.columns;
      const places = [...this.wanted].sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle)).slice(0, AT_ONCE);
      for (const place of places) this.wanted.delete(place);
      this.asking++;
      const again = () => setTimeout(() => {
        for (const place of places) if (this.cells.has(place)) this.wanted.add(place);
        this.fetch();
      }, 3000);
      this.load(places).catch(again).finally(() => {
        this.asking--;
        if (this.wanted.size) this.fetchNow();
      });
    }
  }

  async load(places) {
    const files = [...new Set(places.map(this.file))];
    const px = Math.min(256, Math.ceil(this.px * Math.min(2, devicePixelRatio)));
    const { urls } = unpacked(await send('/api/faces/thumbs', { at: this.at, files, px }));
    files.forEach((file, i) => this.pictures.set(file, urls[i]));
    for (const [place, node] of this.cells) if (files.includes(this.file(place))) this.paint(node, place);
    for (const file of this.pictures.keys()) {
      if (this.pictures.size <= KEPT) break;
      URL.revokeObjectURL(this.pictures.get(file));
      this.pictures.delete(file);
    }
  }

  reveal(place) {
    const top = Math.floor(place / this.columns) * this.cell;
    const { scrollTop, clientHeight } = this.box;
    if (top < scrollTop) this.box.scrollTop = top;
    else if (top + this.cell > scrollTop + clientHeight) this.box.scrollTop = top + this.cell - clientHeight;
    this.draw();
  }

  // The places within a rectangle of the sheet, as a mouse draws it.
  within(left, top, right, bottom) {
    const found = [];
    const columns = [left, right].map(x => Math.min(this.columns - 1, Math.max(0, Math.floor(x / this.cell))));
    const rows = [top, bottom].map(y => Math.min(this.rows - 1, Math.max(0, Math.floor(y / this.cell))));
    for (let row = rows[0]; row <= rows[1]; row++) {
      for (let column = columns[0]; column <= columns[1]; column++) {
        const place = row * this.columns + column;
        if (place < this.count) found.push(place);
      }
    }
    return found;
  }
}
