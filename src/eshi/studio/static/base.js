// What all rooms share: asking, listening, building elements out of words, and an address that keeps its place.

export async function ask(path, params = {}) {
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== undefined && value !== ''));
  return answered(await fetch(`${path}?${query}`));
}

export async function send(path, body = {}) {
  return answered(await fetch(path, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  }));
}

export async function upload(path, params, file) {
  return answered(await fetch(`${path}?${new URLSearchParams(params)}`, {
    method: 'POST', headers: { 'Content-Type': 'application/octet-stream' }, body: file,
  }));
}

async function answered(answer) {
  const kind = answer.headers.get('Content-Type') || '';
  if (answer.ok) return kind.startsWith('application/json') ? answer.json() : answer.arrayBuffer();
  if (answer.status === 401) location.reload();
  const said = kind.startsWith('application/json') ? await answer.json() : { error: answer.statusText };
  const error = new Error(said.error || `the studio answered ${answer.status}`);
  error.hint = said.hint;
  throw error;
}

// Many pictures in one answer: {facts, urls}, an address of the browser's own for each; '' for what cannot be read.
export function unpacked(buffer) {
  const length = new DataView(buffer).getUint32(0);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let place = 4 + length;
  const kind = head.facts.kind || 'image/png';
  const urls = head.sizes.map(size => {
    const part = new Blob([new Uint8Array(buffer, place, size)], { type: kind });
    place += size;
    return size ? URL.createObjectURL(part) : '';
  });
  return { facts: head.facts, urls };
}

// el('p', {class: 'lead', onclick: f}, 'words', child): what is given as words stays words, whoever wrote them.
export function el(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else if (key === 'value' || key === 'checked') made[key] = value;
    else made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...inside.flat().filter(one => one !== undefined && one !== null && one !== false));
  return made;
}

export const one = (selector, from = document) => from.querySelector(selector);
export const all = (selector, from = document) => [...from.querySelectorAll(selector)];

// A piece of one of eshi's reports. Its places and colours are set by hand: the page's policy allows no style in markup.
export function report(target, text) {
  const parsed = new DOMParser().parseFromString(text.replaceAll(' style="', ' data-style="'), 'text/html');
  target.replaceChildren(...parsed.body.childNodes);
  for (const styled of all('[data-style]', target)) styled.style.cssText = styled.dataset.style;
}

let quiet;
export function say(words, wrong = false) {
  const said = one('#said');
  said.textContent = words;
  said.classList.toggle('wrong', wrong);
  said.classList.add('on');
  clearTimeout(quiet);
  quiet = setTimeout(() => said.classList.remove('on'), wrong ? 9000 : 3500);
}

export const complain = error => say([error.message, error.hint].filter(Boolean).join(' — '), true);

// A room that cannot be shown says why, in place of an empty page.
export function lost(error) {
  complain(error);
  one('#main').prepend(el('section', { class: 'card empty' }, el('h2', {}, error.message), error.hint ? el('p', {}, error.hint) : null));
}

// Runs it, and says what went wrong; the button cannot be pressed twice meanwhile.
export async function trying(work, button) {
  if (button) button.disabled = true;
  try {
    return await work();
  } catch (error) {
    complain(error);
    return undefined;
  } finally {
    if (button) button.disabled = false;
  }
}

// The address: what is looked at, so that reload, back and a shared link all come to the same place.
export const where = () => Object.fromEntries(new URLSearchParams(location.search));

export function goes(changes, push = false) {
  const next = { ...where(), ...changes };
  const query = new URLSearchParams(Object.entries(next).filter(([, v]) => v !== undefined && v !== null && v !== ''));
  const address = `${location.pathname}${query.size ? `?${query}` : ''}`;
  if (address === location.pathname + location.search) return;
  history[push ? 'pushState' : 'replaceState'](null, '', address);
}

export const link = (room, params) => `${room}?${new URLSearchParams(params)}`;

// News: {verdicts: f, job: f, ...}. A page that is not looked at does not listen; it catches up when it is again.
export function listen(ears, again = () => {}) {
  let source;
  let before = false;
  const open = () => {
    source = new EventSource('/api/news');
    source.onopen = () => {
      if (before) again();
      before = true;
    };
    for (const [kind, ear] of Object.entries(ears)) source.addEventListener(kind, event => ear(JSON.parse(event.data)));
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return;
      const later = () => setTimeout(() => document.hidden || open(), 3000);
      ask('/api/jobs').then(later, later); // a studio that was started anew shows its door
    };
  };
  document.addEventListener('visibilitychange', () => {
    source?.close();
    if (!document.hidden) open();
  });
  addEventListener('pagehide', () => source?.close());
  addEventListener('pageshow', event => event.persisted && open());
  open();
}

export const count = n => n.toLocaleString('en');
export const short = n => n >= 999500 ? `${+(n / 1e6).toPrecision(3)}M` : n >= 999.5 ? `${+(n / 1e3).toPrecision(3)}k` : `${n}`;

export function clock(seconds) {
  const s = Math.round(seconds);
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  return h ? `${h}:${String(m).padStart(2, '0')}:${String(s % 60).padStart(2, '0')}` : `${m}:${String(s % 60).padStart(2, '0')}`;
}

// The one job that is at work, in the corner of every room.
export function busy(job) {
  const sign = one('#busy');
  const share = job.progress?.total ? ` ${Math.floor(100 * job.progress.done / job.progress.total)}%` : '';
  const working = job.state === 'at work' || job.state === 'waiting';
  sign.hidden = !working;
  if (working) sign.textContent = job.state === 'waiting' ? `${job.what}: place ${job.place}` : `${job.what}${share}`;
}

export function folder(path) {
  return path === '.' ? 'this folder' : path;
}
