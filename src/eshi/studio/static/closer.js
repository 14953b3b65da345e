// Closer looks at a face: its copies side by side, and the original that it was cut from.
import { ask, complain, count, el, link, one, say, send, trying } from '/static/base.js';

const dialog = one('#closer');
const body = one('#closerbody');

function show(title, ...inside) {
  one('#closertitle').textContent = title;
  body.replaceChildren(...inside.flat().filter(Boolean));
  if (!dialog.open) dialog.showModal();
}

const picture = (at, file, px) => `${link('/api/faces/thumb', { at, file, px })}`;

// All faces that are copies of one another: the machine kept one, and each of the others names it, or one that does.
export function members(faces, face) {
  const top = one_ => {
    for (let i = 0; i < 20 && faces.twin[one_] >= 0; i++) one_ = faces.twin[one_];
    return one_;
  };
  const mine = top(face);
  return faces.files.map((_, i) => i).filter(i => top(i) === mine);
}

export function group({ at, faces, speakOf, word, out }, face) {
  const those = members(faces, face);
  if (those.length < 2) {
    say('It has no copies, as far as eshi clean has seen.');
    dialog.close();
    return;
  }
  const cards = those.map((member, i) => el('figure', { class: out(member) ? 'copy out' : 'copy' },
    el('img', { src: picture(at, faces.files[member], 256), alt: faces.files[member] }),
    el('figcaption', {}, el('b', {}, faces.files[member]),
      el('span', {}, [word(member), faces.source[member] && `${faces.source[member]} px`, faces.detail[member]].filter(Boolean).join(', '))),
    el('button', { class: 'first', onclick: () => settle(member) }, 'Keep this one ', el('kbd', {}, `${i + 1}`))));
  const settle = chosen => {
    speakOf(those.filter(one_ => one_ !== chosen), 'drop');
    speakOf([chosen], 'keep');
    say(`${faces.files[chosen]} is kept, ${count(those.length - 1)} rejected`);
    dialog.close();
  };
  dialog.onkeydown = event => {
    const chosen = those[+event.key - 1];
    if (chosen !== undefined && !event.ctrlKey) settle(chosen);
  };
  show(`${count(those.length)} copies`, el('p', {}, 'Keep one; the others are rejected by hand. All files stay.'),
    el('div', { class: 'copies' }, cards),
    el('p', { class: 'line' }, el('button', { onclick: () => { speakOf(those, 'keep'); dialog.close(); } }, 'Keep all of them')));
}

export async function original(room, face) {
  const { at, faces } = room;
  const file = faces.files[face];
  dialog.onkeydown = null;
  show(file, el('p', {}, 'Looking for its original …'));
  let told;
  try {
    told = await ask('/api/faces/about', { at, file });
  } catch (error) {
    complain(error);
    dialog.close();
    return;
  }
  const facts = [
    ['verdict', [room.word(face), faces.hand[face] && `the machine: ${faces.machine[face]}`, told.detail].filter(Boolean).join('; ')],
    ['picture', told.picture], ['artist', told.artist], ['site', told.site], ['rating', told.rating],
    ['source', told.source_size && `${told.source_size} px a side`], ['score', told.score && told.score.toFixed(3)],
  ].filter(([, value]) => value);
  const list = el('dl', {}, facts.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, `${value}`)]));
  if (told.link) list.append(el('dt', {}, 'link'), el('dd', {}, el('a', { href: told.link, rel: 'noreferrer noopener', target: '_blank' }, told.link)));
  const tags = told.tags.length ? el('div', { class: 'tags' }, told.tags.map(tag => el('span', {}, tag))) : null;
  const shown = told.original ? cutter(at, file, told) : el('div', {},
    el('img', { class: 'alone', src: picture(at, file, 512), alt: file }), el('p', { class: 'quiet' }, told.why || ''));
  if (dialog.open) show(file, el('div', { class: 'closer' }, shown, el('div', {}, list, tags)));
}

// The original with the crop as a box that can be moved, made larger and cut anew; with keys too.
function cutter(at, file, { original: size, cut }) {
  const now = { ...cut };
  const frame = el('div', { class: 'frame', tabindex: '0', role: 'application', 'aria-label': 'The crop: arrows move it, plus and minus change its size' },
    el('i', { class: 'grip' }));
  const stage = el('div', { class: 'stage' }, el('img', { src: link('/api/faces/picture', { at, file }), alt: 'the original' }), frame);
  const go = el('button', { class: 'first', disabled: true }, 'Cut anew');
  const back = el('button', { disabled: true }, 'As it was');
  const place = () => {
    now.side = Math.round(Math.min(Math.max(16, now.side), size.width, size.height));
    now.left = Math.round(Math.min(Math.max(0, now.left), size.width - now.side));
    now.top = Math.round(Math.min(Math.max(0, now.top), size.height - now.side));
    Object.assign(frame.style, {
      left: `${100 * now.left / size.width}%`, top: `${100 * now.top / size.height}%`,
      width: `${100 * now.side / size.width}%`, height: `${100 * now.side / size.height}%`,
    });
    go.disabled = back.disabled = ['left', 'top', 'side'].every(key => now[key] === cut[key]);
  };
  let held;
  frame.addEventListener('pointerdown', event => {
    held = { x: event.clientX, y: event.clientY, ...now, grown: event.target.classList.contains('grip') };
    frame.setPointerCapture(event.pointerId);
    event.preventDefault();
    frame.focus();
  });
  frame.addEventListener('pointermove', event => {
    if (!held) return;
    const scale = size.width / stage.getBoundingClientRect().width;
    const [x, y] = [(event.clientX - held.x) * scale, (event.clientY - held.y) * scale];
    if (held.grown) now.side = held.side + Math.max(x, y);
    else Object.assign(now, { left: held.left + x, top: held.top + y });
    place();
  });
  frame.addEventListener('pointerup', () => { held = undefined; });
  frame.addEventListener('keydown', event => {
    const step = Math.max(1, Math.round(size.width / (event.shiftKey ? 20 : 100)));
    const by = { ArrowLeft: [-step, 0, 0], ArrowRight: [step, 0, 0], ArrowUp: [0, -step, 0], ArrowDown: [0, step, 0], '+': [-step, -step, 2 * step], '-': [step, step, -2 * step] }[event.key];
    if (!by) return;
    now.left += by[0];
    now.top += by[1];
    now.side += by[2];
    place();
    event.preventDefault();
  });
  back.addEventListener('click', () => {
    Object.assign(now, cut);
    place();
  });
  go.addEventListener('click', () => trying(async () => {
    const made = await send('/api/faces/recrop', { at, file, ...now });
    say(`${made.file} is cut and kept; ${file} is rejected, and stays`);
    dialog.close();
  }, go));
  place();
  return el('div', {}, stage, el('p', { class: 'line' }, go, back, el('span', { class: 'quiet' }, 'Drag the box, or its corner.')));
}
