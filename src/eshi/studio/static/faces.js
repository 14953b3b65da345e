// The faces room: which faces are shown, what the keys do, and what a person says.
import { all, ask, busy, complain, count, el, folder, goes, link, listen, lost, one, say, send, trying, where } from '/static/base.js';
import { group, original } from '/static/closer.js';
import { Wall } from '/static/wall.js';

const at = where().at;
const WORDS = { keep: 'kept', drop: 'rejected', clear: 'left to the machine' };
let faces; // the set, column by column
let order = []; // which faces are shown: place -> face
let cursor = 0; // a place
let anchor = 0; // where marking began
const marked = new Set(); // faces
let wall;
let said = Promise.resolve(); // words are sent one after the other

const out = face => faces.hand[face] ? faces.hand[face] === 'drop' : !['keep', 'not judged'].includes(faces.machine[face]);
const word = face => faces.hand[face] === 'keep' ? 'kept by hand' : faces.hand[face] === 'drop' ? 'rejected by hand' : faces.machine[face] === 'keep' ? 'kept' : faces.machine[face];

async function start() {
  if (at === undefined) return choose();
  document.title = `${folder(at)} · faces`;
  one('#room').hidden = false;
  one('#title').textContent = folder(at);
  wall = new Wall({ box: one('#wall'), sheet: one('#sheet'), px: innerWidth < 600 ? 76 : 100, at, file: place => faces.files[order[place]], dress });
  await load();
  fillFilters();
  filter(where().face);
  one('#wall').focus({ preventScroll: true });
  opened();
  listen({ verdicts: heard, faces: changed, job: busy }, () => changed({ at }));
}

async function choose() {
  one('#choose').hidden = false;
  const { things } = await ask('/api/things');
  const sets = things.filter(thing => thing.kind === 'faces' || thing.kind === 'images');
  one('#sets').replaceChildren(...sets.map(set => el('li', {}, el('a', { class: 'card thing', href: link('/faces', { at: set.at }) },
    el('b', {}, folder(set.at)), set.kind === 'images' ? el('small', {}, 'not judged yet') : null))));
  if (!sets.length) one('#choose .lead').replaceChildren('There is none yet: ', el('a', { href: '/work' }, 'collect and crop'), ' some.');
  listen({ job: busy });
}

async function load() {
  faces = await ask('/api/faces', { at });
  faces.place = new Map(faces.files.map((file, i) => [file, i]));
  tell();
}

// Filters

function fillFilters() {
  const form = one('#form');
  const choices = { r: faces.machine, h: faces.hair, site: faces.site };
  for (const [name, column] of Object.entries(choices)) {
    const counts = new Map();
    for (const value of column) if (value) counts.set(value, (counts.get(value) || 0) + 1);
    const sorted = [...counts].sort((a, b) => b[1] - a[1]);
    form[name].append(...sorted.map(([value, n]) => el('option', { value }, `${value} (${count(n)})`)));
    form[name].closest('label').hidden = sorted.length < (name === 'r' ? 1 : 2);
  }
  form.t.closest('label').hidden = !faces.tags.length;
  form.s.closest('label').hidden = !faces.source.some(Boolean);
  form.c.closest('label').hidden = !faces.score.some(Boolean);
  one('#tags').append(...faces.tags.slice(0, 400).map(tag => el('option', { value: tag })));
  for (const field of form.elements) if (field.name && where()[field.name]) field.value = where()[field.name];
  form.addEventListener('input', () => filter());
  form.addEventListener('submit', event => event.preventDefault());
  form.addEventListener('reset', () => setTimeout(filter));
  one('#filters').open = innerWidth > 900 && all('[name]', form).some(field => field.value);
}

const VERDICT = {
  kept: face => !out(face), out, open: face => !faces.hand[face], hand: face => faces.hand[face],
  differ: face => faces.hand[face] && out(face) === ['keep', 'not judged'].includes(faces.machine[face]),
};

function filter(file) {
  const told = Object.fromEntries(new FormData(one('#form')));
  const stays = file ?? faces.files[order[cursor]];
  const tests = [];
  if (VERDICT[told.v]) tests.push(VERDICT[told.v]);
  if (told.r) tests.push(face => faces.machine[face] === told.r);
  if (told.h) tests.push(face => faces.hair[face] === told.h);
  if (told.site) tests.push(face => faces.site[face] === told.site);
  if (told.s) tests.push(face => faces.source[face] >= +told.s);
  if (told.c) tests.push(face => faces.score[face] <= +told.c);
  if (told.n) tests.push(face => faces.files[face].toLowerCase().includes(told.n.toLowerCase()));
  for (const wanted of told.t.split(/\s+/).filter(Boolean)) {
    const tags = new Set(faces.tags.flatMap((tag, i) => tag.includes(wanted) ? [i] : []));
    tests.push(face => faces.tagged[face].some(tag => tags.has(tag)));
  }
  order = faces.files.map((_, face) => face).filter(face => tests.every(test => test(face)));
  const top = face => { // of a group of copies
    for (let i = 0; i < 20 && faces.twin[face] >= 0; i++) face = faces.twin[face];
    return face;
  };
  if (told.o === 'score') order.sort((a, b) => faces.score[a] - faces.score[b] || a - b);
  if (told.o === 'source') order.sort((a, b) => faces.source[a] - faces.source[b] || a - b);
  if (told.o === 'groups') {
    const size = new Map();
    for (const face of order) size.set(top(face), (size.get(top(face)) || 0) + 1);
    order = order.filter(face => size.get(top(face)) > 1).sort((a, b) => top(a) - top(b) || a - b);
  }
  goes({ ...told });
  marked.clear();
  wall.show(order.length);
  one('#filtered').textContent = order.length < faces.count ? `${count(order.length)} of ${count(faces.count)} are shown` : '';
  const place = stays === undefined ? 0 : order.indexOf(faces.place.get(stays));
  if (place <= 0) one('#wall').scrollTop = 0;
  move(Math.max(0, place));
  tell();
}

// Looks

function dress(node, place) {
  const face = order[place];
  const hand = faces.hand[face];
  node.className = ['cell', out(face) ? 'out' : '', hand === 'keep' ? 'yes' : hand === 'drop' ? 'no' : '', marked.has(face) ? 'marked' : '', place === cursor ? 'here' : ''].join(' ');
  node.lastChild.textContent = hand ? '' : out(face) ? faces.machine[face] : '';
  node.setAttribute('aria-label', `${faces.files[face]}, ${word(face)}`);
  node.setAttribute('aria-selected', marked.has(face) || (!marked.size && place === cursor));
  node.setAttribute('aria-posinset', place + 1);
  node.setAttribute('aria-setsize', order.length);
}

function again() {
  for (const place of wall.cells.keys()) wall.again(place);
}

function tell() {
  const kept = faces.files.reduce((n, _, face) => n + !out(face), 0);
  const hand = faces.hand.filter(Boolean).length;
  one('#counts').textContent = `${count(kept)} of ${count(faces.count)} kept${hand ? `, ${count(hand)} by hand` : ''}`;
  one('#undo').disabled = !faces.depth;
  const face = order[cursor];
  one('#told').textContent = marked.size ? `${count(marked.size)} marked` : face === undefined ? 'Nothing to show: change the filters.' : `${faces.files[face]} · ${word(face)}${faces.detail[face] && !faces.hand[face] ? `, ${faces.detail[face]}` : ''}`;
}

function move(place, marking = false) {
  const before = cursor;
  cursor = Math.min(Math.max(0, place), Math.max(0, order.length - 1));
  if (marking) {
    marked.clear();
    for (let i = Math.min(anchor, cursor); i <= Math.max(anchor, cursor); i++) marked.add(order[i]);
    again();
  } else anchor = cursor;
  if (order.length) wall.reveal(cursor);
  wall.again(before);
  wall.again(cursor);
  one('#wall').setAttribute('aria-activedescendant', `face-${cursor}`);
  goes({ face: faces.files[order[cursor]] });
  tell();
}

// Words

function speak(verdict) {
  const chosen = marked.size ? [...marked] : order.length ? [order[cursor]] : [];
  if (!chosen.length) return;
  const many = marked.size > 0;
  marked.clear();
  speakOf(chosen, verdict);
  if (many) again();
  else if (verdict !== 'clear') move(cursor + 1);
  tell();
}

export function speakOf(chosen, verdict) {
  const before = chosen.map(face => faces.hand[face]);
  for (const face of chosen) faces.hand[face] = verdict === 'clear' ? '' : verdict;
  faces.depth++;
  again();
  const files = chosen.map(face => faces.files[face]);
  if (chosen.length > 1) say(`${count(chosen.length)} ${WORDS[verdict]}`);
  said = said.then(() => send('/api/faces/verdict', { at, word: verdict, files })).catch(error => {
    chosen.forEach((face, i) => { faces.hand[face] = before[i]; });
    faces.depth--;
    again();
    tell();
    complain(error);
  });
  return said;
}

function undo() {
  said = said.then(() => trying(async () => {
    const { undone, depth } = await send('/api/faces/undo', { at });
    if (!undone.length) return say('There is nothing to take back.');
    faces.depth = depth;
    const [{ word: verdict, files }] = undone;
    say(`taken back: ${files.length === 1 ? files[0] : count(files.length)} ${WORDS[verdict]}`);
    const place = order.indexOf(faces.place.get(files[0]));
    if (place >= 0) move(place);
    return undefined;
  }));
}

// News: what was said in another window, in the shell, or here.
function heard({ at: where_, changed: those, depth }) {
  if (where_ !== at) return;
  for (const [file, verdict] of Object.entries(those)) {
    const face = faces.place.get(file);
    if (face !== undefined) faces.hand[face] = verdict || '';
  }
  faces.depth = depth;
  again();
  tell();
}

async function changed({ at: where_ }) {
  if (where_ !== at) return;
  await trying(load);
  filter();
}

// Hands

const KEYS = {
  ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: () => -wall.columns, ArrowDown: () => wall.columns,
  PageUp: () => -wall.columns * wall.screen, PageDown: () => wall.columns * wall.screen,
  Home: () => -order.length, End: () => order.length,
};
const DOES = {
  a: () => speak('keep'), r: () => speak('drop'), x: () => speak('clear'), u: undo, d: () => open('group'),
  Enter: () => open('open'), Escape: () => { marked.clear(); again(); tell(); }, '?': () => one('#helping').showModal(),
  ' ': () => {
    const face = order[cursor];
    if (!marked.delete(face)) marked.add(face);
    wall.again(cursor);
    tell();
  },
};

document.addEventListener('keydown', event => {
  if (!faces || event.ctrlKey || event.metaKey || event.altKey || one('dialog[open]')) return;
  if (event.target.closest('input, select, textarea, summary, a')) return;
  const button = event.target.closest('button');
  if (button && (event.key === ' ' || event.key === 'Enter')) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (KEYS[key]) move(cursor + KEYS[key](), event.shiftKey);
  else if (DOES[key]) DOES[key]();
  else return;
  event.preventDefault();
});

for (const [id, key] of Object.entries({ keep: 'a', drop: 'r', undo: 'u', group: 'd', open: 'Enter', help: '?' })) {
  one(`#${id}`).addEventListener('click', () => DOES[key]());
}

let band; // while a mouse marks: where it began
const box = one('#wall');
const spot = event => {
  const edge = one('#sheet').getBoundingClientRect();
  return [event.clientX - edge.left, event.clientY - edge.top];
};
const placeOf = event => {
  const cell = event.target.closest('.cell');
  return cell ? +cell.dataset.place : undefined;
};
box.addEventListener('click', event => {
  const place = placeOf(event);
  if (place === undefined || band?.moved) return;
  if (event.shiftKey) move(place, true);
  else if (event.ctrlKey || event.metaKey) {
    move(place);
    DOES[' ']();
  } else {
    marked.clear();
    move(place);
    again();
  }
});
box.addEventListener('dblclick', event => placeOf(event) !== undefined && DOES.Enter());
box.addEventListener('pointerdown', event => {
  band = undefined;
  if (event.pointerType === 'mouse' && event.button === 0 && event.clientX < box.getBoundingClientRect().left + box.clientWidth) {
    band = { from: spot(event), moved: false, before: event.ctrlKey || event.shiftKey ? [...marked] : [] };
  }
});
addEventListener('pointermove', event => {
  if (!band || !(event.buttons & 1)) return;
  const [x, y] = spot(event);
  if (!band.moved && Math.hypot(x - band.from[0], y - band.from[1]) < 8) return;
  band.moved = true;
  band.node ??= one('#sheet').appendChild(el('b', { class: 'lasso' }));
  const [left, top] = [Math.min(x, band.from[0]), Math.min(y, band.from[1])];
  const [right, bottom] = [Math.max(x, band.from[0]), Math.max(y, band.from[1])];
  Object.assign(band.node.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
  marked.clear();
  for (const face of band.before) marked.add(face);
  for (const place of wall.within(left, top, right, bottom)) marked.add(order[place]);
  again();
  tell();
});
addEventListener('pointerup', () => {
  band?.node?.remove();
  setTimeout(() => { band = undefined; });
});

// Closer looks; the address knows them, so that back closes them.

function open(what) {
  if (!order.length) return;
  goes({ look: what }, true);
  opened();
}

function opened() {
  const { look } = where();
  const face = order[cursor];
  const room = { at, faces, speakOf, word, out };
  if (look === 'open' && face !== undefined) original(room, face);
  else if (look === 'group' && face !== undefined) group(room, face);
  else one('#closer').close();
  if (look && !one('#closer').open) goes({ look: undefined }); // there was nothing to show
}

addEventListener('popstate', opened);
for (const dialog of all('dialog')) {
  dialog.addEventListener('click', event => (event.target === dialog || event.target.closest('[data-close]')) && dialog.close());
}
one('#closer').addEventListener('close', () => {
  goes({ look: undefined });
  one('#wall').focus({ preventScroll: true });
  tell();
});

start().catch(lost);
