"""The page of a set's labels: how many faces are known to have what, from where, where sources disagree, examples."""

from collections import Counter
from pathlib import Path

from eshi.gather.album import Album, Images
from eshi.gather.label import Labels
from eshi.ground.files import write
from eshi.pages.faces import SWATCH, picture
from eshi.pages.page import Markup, bars, markup, page, tag

SHOWN = 12  # examples of a value
DISPUTED = 60  # conflicts that are shown
COLOURS = SWATCH | {"yellow": "#e6b422"}


def labels_report(folder: Path, found: Labels) -> Path:
    """labels.html in the set's folder or beside its zip."""
    album = Album(Path(folder))
    files, _ = album.look()
    counts = {attribute: Counter(value for value, _ in said.values()) for attribute, said in found.said.items()}
    cards = [
        bars(attribute, dict(values.most_common()) | {"unknown": found.faces - values.total()}, {}, COLOURS)
        for attribute, values in counts.items()
    ]
    sources = Counter(source for said in found.said.values() for _, source in said.values())
    name = album.path.resolve().name
    content = page(
        f"{name}: labels",
        tag("h1", f"{name}: labels"),
        tag("p", f"What is known of {found.faces:,} faces. Unknown is not no.", class_="lead"),
        tag("section", *cards, bars("Known from", dict(sources.most_common()), {}, {}), class_="cards"),
        disputed(album, files, found),
        *(examples(album, files, attribute, said) for attribute, said in found.said.items()),
        tag("footer", "Made by eshi. A line with the source ", tag("code", "hand"), " in the list is yours and stays."),
    )
    return write(album.beside("labels.html"), content)


def disputed(album: Album, files: Images, found: Labels) -> Markup:
    if not found.conflicts:
        return Markup()
    shown = found.conflicts[:: max(1, len(found.conflicts) // DISPUTED)][:DISPUTED]
    figures = [
        tag(
            "figure",
            picture(album, files, file, file),
            tag("figcaption", f"{attribute}: ", ", ".join(f"{source} {value}" for source, value in told.items())),
        )
        for file, attribute, told in shown
    ]
    head = markup(
        tag("h2", "conflicts", tag("span", f"{len(found.conflicts):,}")),
        tag("p", f"Where sources speak against one another. {len(shown)} of them are shown."),
    )
    return tag("section", head, tag("div", *figures, class_="sheet"), id="conflicts")


def examples(album: Album, files: Images, attribute: str, said: dict[str, tuple[str, str]]) -> Markup:
    rows: dict[str, list[str]] = {}
    for file, (value, _) in said.items():
        rows.setdefault(value, []).append(file)
    parts = []
    for value, theirs in sorted(rows.items(), key=lambda row: -len(row[1])):
        shown = [theirs[i * len(theirs) // SHOWN] for i in range(SHOWN)] if len(theirs) > SHOWN else theirs
        faces = [picture(album, files, file, f"{file}  {said[file][1]}") for file in shown]
        parts += [tag("h3", value, tag("span", f" {len(theirs):,}")), tag("div", *faces, class_="sheet")]
    return tag("section", tag("h2", attribute, tag("span", f"{len(said):,}")), *parts, id=attribute)
