// The first page: what lies in the folder, each with the way into its room.
import { ask, busy, count, el, folder, link, listen, lost, one, short } from '/static/base.js';

const SHELVES = [
  ['run', 'Runs', 'What trains, and what was trained.', at => link('/runs', { at })],
  ['faces', 'Face sets', 'Faces with verdicts: keep the good ones.', at => link('/faces', { at })],
  ['pictures', 'Pictures', 'Originals, as collected.', at => link('/work', { pictures: at })],
  ['images', 'Other folders', 'Folders and zips of images that eshi knows nothing of yet.', at => link('/faces', { at })],
];

async function show() {
  const { root, things } = await ask('/api/things');
  one('#root').textContent = root;
  const told = SHELVES.map(([kind, title]) => [things.filter(t => t.kind === kind).length, title.toLowerCase()]);
  one('#lead').textContent = things.length
    ? `${told.filter(([n]) => n).map(([n, title]) => `${count(n)} ${n === 1 ? title.replace(/s$/, '') : title}`).join(', ')}.`
    : 'Nothing here yet.';
  const shelves = SHELVES.map(([kind, title, about, way]) => {
    const mine = things.filter(thing => thing.kind === kind);
    if (!mine.length) return null;
    const cards = mine.map(thing => el('li', {}, el('a', { class: 'card thing', href: way(thing.at) }, el('b', {}, folder(thing.at)))));
    return el('div', {}, el('h2', {}, title, el('span', {}, count(mine.length))), el('p', {}, about), el('ul', { class: 'things' }, cards));
  });
  one('#things').replaceChildren(...shelves.filter(Boolean), ...(things.length ? [] : [empty()]));
  if (things.some(thing => thing.kind === 'run')) states();
}

function empty() {
  return el('div', { class: 'card empty' },
    el('h2', {}, 'An empty studio'),
    el('p', {}, 'Collect pictures and cut faces out of them, or paint some to practise on.'),
    el('p', {}, el('a', { class: 'button', href: '/work' }, 'Collect and crop')));
}

async function states() {
  const { runs } = await ask('/api/runs');
  const by = Object.fromEntries(runs.map(run => [run.at, run]));
  for (const card of document.querySelectorAll('a.thing')) {
    const run = by[new URLSearchParams(card.search).get('at')];
    if (run && card.pathname === '/runs') {
      card.append(el('span', { class: `state ${run.state.split(':')[0]}` }, run.state), el('small', {}, `${short(run.images)} images`));
    }
  }
}

show().catch(lost);
listen({ job: busy });
