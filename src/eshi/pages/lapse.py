"""The sheets of the fixed latents: a film of them with a slider, and the best beside the last."""

import html
from pathlib import Path

from eshi.ground.figures import human, measured
from eshi.pages.page import picture_of
from eshi.run import logbook
from eshi.run.logbook import Row

FRAMES = 40
SIDE, MOST = 660, 80_000  # px and bytes a frame may take: 40 of them stay below 4.3 MB as text

STYLE = """
.film { min-width: 0 } .stack { display: grid } .stack figure { grid-area: 1 / 1 } .film img { aspect-ratio: auto }
.film figcaption { display: flex; flex-wrap: wrap; gap: .1rem .8rem; font-size: .88rem; text-align: left;
  margin-top: .7rem; min-height: 1.5em } .film figcaption b { color: var(--ink); font-weight: 600 }
.stack figure.off { visibility: hidden } .reel { display: none; gap: .8rem; align-items: center; margin-top: .6rem }
.reel.on { display: flex } .reel input { flex: 1; min-width: 0; accent-color: var(--accent); height: 2rem; margin: 0 }
.reel button { font: inherit; font-size: .9rem; width: 5.2rem; padding: .3rem 0; border-radius: .5rem; cursor: pointer;
  border: 1px solid var(--line); background: var(--paper); color: var(--ink) }
.reel button:hover { border-color: var(--accent); color: var(--accent) }
"""

SCRIPT = """
const stack = [...document.querySelectorAll('.stack figure')], reel = document.querySelector('.reel');
if (reel && stack.length > 1) {
  const slider = reel.querySelector('input'), button = reel.querySelector('button');
  let playing = 0;
  const turn = to => { slider.value = to; stack.forEach((one, i) => one.classList.toggle('off', i !== to));
    slider.setAttribute('aria-valuetext', stack[to].querySelector('figcaption').textContent);
    look(+stack[to].dataset.images) };
  const rest = () => { clearInterval(playing); playing = 0; button.textContent = 'Play' };
  slider.addEventListener('input', () => { rest(); turn(+slider.value) });
  slider.addEventListener('blur', () => playing || look(null));
  button.addEventListener('click', () => {
    if (playing) return rest();
    button.textContent = 'Pause';
    if (+slider.value === stack.length - 1) turn(0);
    playing = setInterval(() => +slider.value < stack.length - 1 ? turn(+slider.value + 1) : rest(), 220) });
  reel.classList.add('on');
}
"""


def sheets(folder: Path) -> list[tuple[int, Path]]:
    """(images seen, file) in order."""
    files = [file for file in (folder / "samples").glob("*.png") if file.stem.isdigit()]
    return sorted((int(file.stem), file) for file in files)


def chosen(frames: list[tuple[int, Path]], best: Row | None) -> list[tuple[int, Path]]:
    """At most FRAMES: every one, every second, every fourth ... so that a longer film needs no frame anew."""
    stride = 1
    while len(frames[::stride]) > FRAMES - 2:
        stride *= 2
    kept = set(frames[::stride]) | set(frames[-1:])
    return sorted(kept | {nearest(frames, best["images"])}) if best and frames else sorted(kept)


def nearest(frames: list[tuple[int, Path]], images: float) -> tuple[int, Path]:
    return min(frames, key=lambda frame: abs(frame[0] - images))


def film(frames: list[tuple[int, Path]], judged: list[Row], best: Row | None) -> str:
    shown = chosen(frames, best)
    usable = logbook.scored(judged)
    figures = []
    for images, file in shown:
        picture = picture_of(file, f"the same latents after {human(images)} images", SIDE, MOST)
        words = f"<b>{human(images)} images</b>"
        if usable and picture:
            row = min(usable, key=lambda row: abs(row["images"] - images))
            value = measured(logbook.score(row) or 0.0, logbook.noise(row))
            words += f" <span>{html.escape(row['ranked_by'])} {value}, judged at {human(row['images'])}</span>"
            words += " <b>the best</b>" * bool(best and row is best and nearest(frames, best["images"])[0] == images)
        if picture:
            figures.append((images, f"{picture}<figcaption>{words}</figcaption>"))
    if not figures:
        return ""
    last = len(figures) - 1
    stack = "".join(
        f"<figure data-images={images}{' class=off' if i < last else ''}>{words}</figure>"
        for i, (images, words) in enumerate(figures)
    )
    return (
        f"<div class='card film'><h2>The same latents over time<span>{len(figures)} of {len(frames)} sheets</span></h2>"
        f"<div class=stack>{stack}</div><div class=reel><button type=button>Play</button>"
        f'<input type=range min=0 max={last} value={last} step=1 autocomplete=off aria-label="images seen"></div></div>'
    )


def best_and_last(folder: Path, frames: list[tuple[int, Path]], best: Row | None) -> str:
    if not frames:
        return ""
    shown = []
    last = frames[-1]
    near = nearest(frames, best["images"]) if best else last
    if best and near != last:
        where = "" if near[0] == best["images"] else f", the sheet nearest to the best step, {human(best['images'])}"
        shown.append((near[1], f"Best: {human(near[0])} images{where}"))
    also = ", the sheet nearest to the best step too" if best and near == last else ""
    shown.append((last[1], f"Last: {human(last[0])} images{also}"))
    shown.append((folder / "samples" / "real.png", "Real faces it learned from"))
    figures = []
    for file, words in shown:
        picture = picture_of(file, words, SIDE, MOST)
        if picture:
            figures.append(f"<figure>{picture}<figcaption>{words}</figcaption></figure>")
    title = "Best, last and real" if near != last else "Last and real"
    note = "<p>Best and last are drawn from the same latents.</p>" if near != last else ""
    return f"<section><h2>{title}</h2>{note}<div class=three>{''.join(figures)}</div></section>"
