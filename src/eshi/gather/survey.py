"""What a face set holds, in numbers and words: verdicts, sizes, tags, hair colours."""

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from eshi.gather import catalogue
from eshi.gather.album import Album
from eshi.gather.colours import hair
from eshi.gather.measure import measured
from eshi.ground.figures import printable

SIZES = (48, 64, 96, 128, 192, 256, 512)  # px: where the classes of the sources' sizes begin


def survey(folder: Path, workers: int | None = None) -> dict[str, Any]:
    """Counts by verdict, and of the faces that are kept: source sizes, tags, artists, sites, ratings, hair colours.
    `folder` may be a zip."""
    album = Album(Path(folder))
    kept_for_later = (album.home / catalogue.NAME).is_file()  # a folder that is only looked at gets no catalogue
    with catalogue.opened(album.home) if kept_for_later else catalogue.passing() as base:
        files, measures, problems = measured(album, base, workers)
    rows = catalogue.judged(album.home, [*files, *problems])
    place = {file: i for i, file in enumerate(files)}
    verdict = {file: row["verdict"] or "not judged" for file, row in rows.items()}
    verdict |= dict.fromkeys(problems, "unreadable")
    kept = [file for file in files if verdict[file] in ("keep", "not judged")]
    origin = [rows[file] for file in kept]
    index = np.array([place[file] for file in kept], np.int64)
    sides = measures["side"][index] if len(kept) else np.zeros(0, int)
    source = [rows[f]["source_size"] or int(s) for f, s in zip(kept, sides, strict=True)]
    tags = Counter(tag for row in origin for tag in (row["tags"] or "").split())
    return {
        "folder": str(folder),
        "faces": len(verdict),
        "kept": len(kept),
        "verdicts": dict(Counter(verdict.values()).most_common()),
        "sides": {f"{side} px": n for side, n in Counter(map(int, sides)).most_common(5)},
        "source sizes": classes(source),
        "hair": hair_colours(measures["crown"][index]),
        "tags": dict(tags.most_common(30)),
        **{
            f"{many}": dict(Counter(row[one] for row in origin if row[one]).most_common(10))
            for one, many in (("artist", "artists"), ("site", "sites"), ("rating", "ratings"))
        },
        "pictures": len({row["picture"] for row in origin if row["picture"]}),
    }


def classes(sizes: list[int]) -> dict[str, int]:
    edges = [0, *SIZES, 1 << 30]
    counts = np.histogram(sizes, edges)[0]
    between = [f"{a} to {b - 1}" for a, b in itertools.pairwise(SIZES)]
    names = [f"under {SIZES[0]}", *between, f"{SIZES[-1]} up"]
    return {f"{name} px": int(n) for name, n in zip(names, counts, strict=True) if n}


def hair_colours(crowns: np.ndarray) -> dict[str, int]:
    """Colour -> faces, the commonest first."""
    return dict(Counter(hair(crowns)).most_common())


def text(found: dict[str, Any]) -> str:
    """The survey as `eshi faces` prints it."""
    lines = [f"{found['folder']}: {found['kept']:,} of {found['faces']:,} faces are kept", ""]
    for title in ("verdicts", "source sizes", "hair", "sites", "ratings"):
        if counts := found[title]:
            most = max(counts.values())
            width = max(map(len, map(str, counts)))
            lines.append(title if title == "verdicts" else f"{title} of the kept")
            lines += [
                f"  {printable(name):{width}} {n:>8,}  {'█' * round(24 * n / most)}" for name, n in counts.items()
            ]
            lines.append("")
    if found["tags"]:
        lines.append("tags: " + ", ".join(f"{printable(tag)} {n:,}" for tag, n in list(found["tags"].items())[:15]))
    if found["artists"]:
        lines.append("artists: " + ", ".join(f"{printable(name)} {n:,}" for name, n in found["artists"].items()))
    return "\n".join(lines).rstrip()
