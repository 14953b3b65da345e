// The runs room: the list, a run as it trains, and how one is stopped, gone on with and begun.
import { all, ask, busy, clock, complain, count, el, folder, goes, link, listen, lost, one, report, say, send, short, trying, where } from '/static/base.js';
import { starting } from '/static/starting.js';

const script = document.createElement('script'); // the reports' own: a cursor that reads all charts at once
script.src = '/static/run.js';
document.head.append(script);

const at = where().at;
const ago = seconds => seconds < 90 ? 'now' : seconds < 5400 ? `${Math.round(seconds / 60)} min ago` : seconds < 172800 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86400)} days ago`;
let run;
let shown = -1; // which sheet
let playing;

async function start() {
  if (at === undefined) {
    one('#list').hidden = false;
    await list();
    starting(one('#starting'), one('#new'));
    listen({ run: soon(list), job: busy }, list);
    if (where().new !== undefined) one('#new').click();
  } else {
    one('#one').hidden = false;
    while (!run) {
      await look().catch(error => {
        one('#report').replaceChildren(el('h1', {}, at), el('p', {}, `${error.message}. If it is about to begin, it will show here.`));
        return new Promise(rested => setTimeout(rested, 3000));
      });
    }
    listen({ run: soon(news => (!news || news.at === at) && look()), job: busy }, look);
    setInterval(() => run.state === 'training' && !document.hidden && look().catch(() => {}), 15000); // one that was killed says nothing
  }
}

// At most one call a second, the last never lost.
function soon(work) {
  let waiting;
  return news => {
    waiting ??= setTimeout(() => {
      waiting = undefined;
      Promise.resolve(work(news)).catch(complain);
    }, 700);
  };
}

// The list

async function list() {
  const { runs } = await ask('/api/runs');
  const chosen = (where().over || '').split('\n').filter(Boolean);
  one('#lead').textContent = runs.length ? `${count(runs.length)} in this folder. Tick two or more to see their scores over one another.` : 'None yet: start one.';
  one('#table').hidden = !runs.length;
  one('#rows').replaceChildren(...runs.map(row => el('tr', {},
    el('td', {}, el('input', { type: 'checkbox', value: row.at, checked: chosen.includes(row.at), 'aria-label': `compare ${row.at}`, onchange: pick })),
    el('th', { scope: 'row' }, el('a', { href: link('/runs', { at: row.at }) }, folder(row.at)), el('small', {}, row.recipe)),
    el('td', {}, el('span', { class: `state ${row.state.split(':')[0]}` }, row.state)),
    el('td', {}, row.length ? `${short(row.images)} of ${short(row.length)}` : short(row.images)),
    el('td', {}, row.score === null ? 'not judged' : `${row.ranked_by} ${row.score.toFixed(1)}${row.noise ? ` ± ${row.noise.toFixed(1)}` : ''}`),
    el('td', {}, ago(Date.now() / 1000 - row.changed)))));
  await compare();
}

async function pick() {
  goes({ over: all('#rows input:checked').map(box => box.value).join('\n') });
  await trying(compare);
}

async function compare() {
  const chosen = all('#rows input:checked').map(box => box.value);
  one('#over').hidden = chosen.length < 2;
  if (chosen.length > 1) report(one('#overreport'), (await ask('/api/runs/over', { runs: chosen.join('\n') })).report);
}

// One run

const panel = one('#controls'), reel = one('#film'); // they lie inside the report, which is put in anew each time

async function look() {
  run = await ask('/api/run', { at });
  document.title = `${run.at} · ${run.state}`;
  report(one('#report'), run.report);
  one('#report .lead').after(panel);
  const grid = one('#report .grid');
  if (grid) grid.prepend(reel, el('div', { class: 'column' }, [...grid.children].slice(0, 2)));
  else one('#report').append(reel);
  controls();
  film();
  one('#outputbox').hidden = !run.output;
  one('#output').textContent = run.output;
}

function controls() {
  one('#controls').hidden = false;
  const training = run.state === 'training';
  const bar = one('#bar');
  bar.max = run.length || 1;
  bar.value = Math.min(run.images, bar.max);
  one('#how').textContent = [
    run.length ? `${short(run.images)} of ${short(run.length)} images` : `${short(run.images)} images`,
    training && run.speed && `${short(Math.round(run.speed))} images/s`, training && run.left && `${clock(run.left)} to go`,
  ].filter(Boolean).join(', ');
  one('#stop').hidden = !training;
  one('#stop').disabled = !run.can_stop;
  one('#go').hidden = training || run.state !== 'stopped';
  one('#longer').hidden = run.state !== 'finished';
  one('#draw').hidden = !run.drawable;
  one('#draw').href = link('/draw', { at });
  one('#command').replaceChildren('The same in a shell: ', el('code', {}, run.command));
}

one('#stop').addEventListener('click', () => trying(async () => {
  await send('/api/runs/stop', { at });
  say('It was asked to stop: it saves first.');
  setTimeout(() => trying(look), 2500);
}, one('#stop')));
one('#go').addEventListener('click', () => trying(async () => {
  await send('/api/runs/go', { at });
  await look();
}, one('#go')));
one('#longer').addEventListener('submit', event => {
  event.preventDefault();
  trying(async () => {
    await send('/api/runs/go', { at, images: event.target.images.value });
    await look();
  }, one('#longer button'));
});

// The film: every sheet of the same latents, the newest shown while it trains

function film() {
  const last = run.sheets.length - 1;
  one('#film').hidden = last < 0;
  if (last < 0) return;
  const newest = shown < 0 || shown >= +one('#time').max;
  one('#time').max = last;
  one('#frames').textContent = `${run.sheets.length} sheets`;
  if (newest) turn(last);
}

function turn(to) {
  shown = to;
  const images = run.sheets[to];
  one('#time').value = to;
  one('#frame').src = link('/api/run/sheet', { at, images });
  one('#frame').alt = `drawings after ${short(images)} images`;
  one('#caption').textContent = images ? `${short(images)} images` : 'before it has learned anything';
  one('#time').setAttribute('aria-valuetext', one('#caption').textContent);
}

const rest = () => {
  clearInterval(playing);
  playing = undefined;
  one('#play').textContent = 'Play';
};
one('#time').addEventListener('input', event => {
  rest();
  turn(+event.target.value);
});
one('#play').addEventListener('click', () => {
  if (playing) return rest();
  one('#play').textContent = 'Pause';
  if (shown === run.sheets.length - 1) turn(0);
  playing = setInterval(() => shown < run.sheets.length - 1 ? turn(shown + 1) : rest(), 260);
  return undefined;
});

start().catch(lost);
