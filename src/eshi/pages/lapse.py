"""The sheets of the fixed latents: a film of them with a slider, and the best beside the last."""

from pathlib import Path

from eshi.ground.figures import human, measured
from eshi.pages.page import Markup, markup, picture_of, tag
from eshi.run import logbook
from eshi.run.logbook import Row

FRAMES = 40
SIDE, MOST = 660, 80_000  # px and bytes a frame may take: 40 of them stay below 4.3 MB as text
DIGITS = 15  # of a sheet's name, which is the number of images seen


def sheets(folder: Path) -> list[tuple[int, Path]]:
    """(images seen, file) in order, however many digits a name has."""
    files = [f for f in (folder / "samples").glob("*.png") if f.stem.isascii() and f.stem.isdigit()]
    return sorted((int(file.stem), file) for file in files if len(file.stem) <= DIGITS)


def chosen(frames: list[tuple[int, Path]], best: Row | None) -> list[tuple[int, Path]]:
    """At most FRAMES: every one, every second, every fourth ... so that a longer film needs no frame anew."""
    stride = 1
    while len(frames[::stride]) > FRAMES - 2:
        stride *= 2
    kept = set(frames[::stride]) | set(frames[-1:])
    return sorted(kept | {nearest(frames, best["images"])}) if best and frames else sorted(kept)


def nearest(frames: list[tuple[int, Path]], images: float) -> tuple[int, Path]:
    return min(frames, key=lambda frame: abs(frame[0] - images))


def film(frames: list[tuple[int, Path]], judged: list[Row], best: Row | None) -> Markup:
    """A card; nothing where there are no two sheets that can be read."""
    usable = logbook.scored(judged)
    figures = []
    for images, file in chosen(frames, best):
        picture = picture_of(file, f"the same latents after {human(images)} images", SIDE, MOST)
        words = [tag("b", f"{human(images)} images")]
        if usable and picture:
            row = min(usable, key=lambda row: abs(row["images"] - images))
            value = measured(logbook.score(row) or 0.0, logbook.noise(row))
            words.append(tag("span", f"{row['ranked_by']} {value}, judged at {human(row['images'])}"))
            if best and row is best and nearest(frames, best["images"])[0] == images:
                words.append(tag("b", "the best"))
        if picture:
            figures.append((images, markup(picture, tag("figcaption", *words))))
    if len(figures) < 2:
        return Markup()
    last = len(figures) - 1
    stack = [
        tag("figure", inside, data_images=images, class_="off" if i < last else None)
        for i, (images, inside) in enumerate(figures)
    ]
    title = tag("h2", "The same latents over time", tag("span", f"{len(figures)} of {len(frames)} sheets"))
    slider = tag(
        "input", type="range", min=0, max=last, value=last, step=1, autocomplete="off", aria_label="images seen"
    )
    reel = tag("div", tag("button", "Play", type="button"), slider, class_="reel")
    return tag("div", title, tag("div", *stack, class_="stack"), reel, class_="card film")


def best_and_last(folder: Path, frames: list[tuple[int, Path]], best: Row | None) -> Markup:
    if not frames:
        return Markup()
    shown = []
    last = frames[-1]
    near = nearest(frames, best["images"]) if best else last
    if best and near != last:
        where = "" if near[0] == best["images"] else f", the sheet nearest to the best step, {human(best['images'])}"
        shown.append((near[1], f"Best: {human(near[0])} images{where}"))
    also = ", the sheet nearest to the best step too" if best and near == last else ""
    if len(frames) == 1:
        title, note = (
            "First drawings, and real faces",
            "One sheet so far; from the second on, a time-lapse shows the same latents.",
        )
        shown.append((last[1], "Before it has learned anything" if last[0] == 0 else f"{human(last[0])} images{also}"))
    else:
        title, note = ("Last and real", "") if near == last else (
            "Best, last and real", "Best and last are drawn from the same latents."
        )  # fmt: skip
        shown.append((last[1], f"Last: {human(last[0])} images{also}"))
    shown.append((folder / "samples" / "real.png", "Real faces it learned from"))
    pictures = [(picture_of(file, words, SIDE, MOST), words) for file, words in shown]
    figures = [tag("figure", picture, tag("figcaption", words)) for picture, words in pictures if picture]
    if not figures:
        return Markup()
    return tag("section", tag("h2", title), tag("p", note) if note else "", tag("div", *figures, class_="three"))
