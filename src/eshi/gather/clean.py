"""Verdicts on faces: duplicates, blur, too dark, flat, grey, too small, not a face. Nothing is deleted or moved."""

import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from eshi.gather import catalogue, verdicts
from eshi.gather.album import Album
from eshi.gather.duplicates import near_duplicates
from eshi.gather.finders import finder as build_finder
from eshi.gather.finders import shared_finder
from eshi.gather.measure import measured
from eshi.gather.workers import spread
from eshi.ground.cores import cores
from eshi.ground.image import decoding
from eshi.ground.progress import Progress
from eshi.ground.registry import FINDERS

NEAR = 0.18  # measured in docs/cleaning.md, as are the three below
BLUR = 0.9
DARK = 75.0
FLAT = 14.0
REASONS = ("duplicate", "near-duplicate", "blur", "dark", "flat", "grey", "small", "not-a-face", "unreadable")
ROOM = 0.4  # a crop is tight: a finder gets this share of its side around it, and at least LOOK px in all
LOOK = 160
LARGE = 2048  # px: no finder needs more of a face, and the room around it would be twice as much again


def clean(
    folder: Path, *, near: float | None = NEAR, blur: float | None = BLUR, dark: float | None = DARK,
    flat: float | None = FLAT, grey: float | None = None, smallest: int | None = None, finder: str | None = None,
    score: float = 0.0, undo: bool = False, workers: int | None = None, on: str = "local",
    **finder_options: Any,
) -> dict[str, int]:  # fmt: skip
    """Verdict -> count, of a folder or zip. None (or 0) turns a rule off; other thresholds give new verdicts; `undo`
    takes all back. What a person said stands, whatever is found here."""
    album = Album(Path(folder))
    with catalogue.opened(album.home) as base:
        if undo:
            back = base.execute("update faces set verdict = null, detail = null, twin = null where verdict is not null")
            return {"taken back": back.rowcount}
        files, measures, problems = measured(album, base, workers, on)
        base.executemany("insert or ignore into faces (file) values (?)", [(f,) for f in [*files, *problems]])
        found = dict(base.execute("select file, source_size from faces where source_size is not null").fetchall())
        source = np.array([found.get(f) or int(s) for f, s in zip(files, measures["side"], strict=True)])
        judgement = Verdicts(files, verdicts.verdicts(album.home))
        judgement.exact(measures["content"], source)
        judgement.below("small", source, smallest, "px")
        judgement.below("dark", measures["light"], dark, "bright at most")
        judgement.below("flat", measures["contrast"], flat, "contrast")
        judgement.below("grey", measures["colour"], grey, "colour")
        judgement.below("blur", measures["sharp"], blur, "sharp")
        if finder:
            judgement.no_faces(album, finder, score, workers, on, finder_options)
        if near:
            judgement.alike(measures, source, near)
        return judgement.write(base, problems)


@dataclass
class Verdicts:
    """One row per readable file: (verdict, detail, twin), where nothing else was said 'keep'.

    A person's word (`hand`) is not written here. But of copies the one that a person kept survives, and never one that
    a person dropped.
    """

    files: list[str]
    hand: dict[str, str]

    def __post_init__(self) -> None:
        self.said: dict[int, tuple[str, str, str | None]] = {}
        weight = {"keep": 1, "drop": -1}
        self.liked = np.array([weight.get(self.hand.get(file, ""), 0) for file in self.files], np.int64)

    @property
    def kept(self) -> np.ndarray:
        return np.array([i for i in range(len(self.files)) if i not in self.said or self.liked[i] > 0], np.int64)

    def exact(self, content: np.ndarray, source: np.ndarray) -> None:
        """Of files with the same bytes, the one from the largest source stays; the first by name among equals."""
        first: dict[tuple[int, int], int] = {}
        for i in sorted(range(len(self.files)), key=lambda i: (-self.liked[i], -source[i], i)):
            twin = first.setdefault((int(content[i][0]), int(content[i][1])), i)
            if twin != i:
                self.said[i] = ("duplicate", "the same file", self.files[twin])

    def below(self, verdict: str, values: np.ndarray, least: float | None, word: str) -> None:
        for i in np.flatnonzero(values < (least or 0)):
            self.said.setdefault(int(i), (verdict, f"{word} {float(values[i]):.4g}, less than {least:g}", None))

    def no_faces(
        self, album: Album, name: str, score: float, workers: int | None, on: str, options: dict[str, Any]
    ) -> None:
        options = {k: str(v) if isinstance(v, Path) else v for k, v in options.items()}
        build_finder(name, **options)
        kept = self.kept
        workers = max(1, min(workers or cores(), len(kept) // 100))
        jobs = ((int(i), album.carried(self.files[i], on)) for i in kept)
        work = Doubter(album, name, tuple(options.items()), FINDERS[name].__module__)
        with Progress("looking for faces", len(kept), "faces") as bar:
            for i, best in spread(work, jobs, workers, on):
                bar.advance()
                if best is None:
                    self.said.setdefault(i, ("not-a-face", f"{name} finds none", None))
                elif best < score:
                    self.said.setdefault(i, ("not-a-face", f"{name} is {best:.3g} sure, less than {score:g}", None))

    def alike(self, measures: np.ndarray, source: np.ndarray, near: float) -> None:
        """The larger source survives; among equals the clearly sharper one (JPEG's noise looks a little sharp), then
        the larger file, then the first name."""
        kept = self.kept
        quality, sharp = np.empty(len(kept)), np.round(measures["sharp"][kept], 1)
        order = np.lexsort((-kept, measures["bytes"][kept], sharp, source[kept], self.liked[kept]))
        quality[order] = np.arange(len(kept))
        for i, (twin, distance, mirrored) in near_duplicates(measures[kept], quality, near).items():
            detail = f"distance {distance:.3f}{', mirrored' if mirrored else ''}"
            self.said.setdefault(int(kept[i]), ("near-duplicate", detail, self.files[kept[twin]]))

    def write(self, base: sqlite3.Connection, problems: dict[str, str]) -> dict[str, int]:
        rows = [(*self.said.get(i, ("keep", None, None)), file) for i, file in enumerate(self.files)]
        rows += [("unreadable", problem, None, file) for file, problem in problems.items()]
        base.executemany("update faces set verdict = ?, detail = ?, twin = ? where file = ?", rows)
        holds = {"keep": "keep", "drop": verdicts.REJECTED}
        count = Counter(holds.get(self.hand.get(file, ""), said) for said, *_, file in rows if file not in problems)
        count["unreadable"] = len(problems)
        by_hand = (verdicts.REJECTED,) if count[verdicts.REJECTED] else ()
        return {verdict: count[verdict] for verdict in ("keep", *REASONS, *by_hand)}


@dataclass(frozen=True)
class Doubter:
    """The best score that a finder gives a crop, or None where it finds nothing."""

    album: Album
    finder: str
    options: tuple[tuple[str, Any], ...]
    home: str

    def __call__(self, file: str | bytes) -> float | None:
        with self.album.given(file) as source, decoding(source) as pixels:
            if (scale := LARGE / max(pixels.shape[:2])) < 1:
                small = [max(1, round(side * scale)) for side in pixels.shape[1::-1]]
                pixels = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
            room = round(ROOM * max(pixels.shape[:2]))
            wide = cv2.copyMakeBorder(pixels, room, room, room, room, cv2.BORDER_REPLICATE)
            if (scale := LOOK / min(wide.shape[:2])) > 1:
                wide = cv2.resize(wide, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
            boxes = shared_finder(self.finder, self.options, self.home)(wide)
        return max((box[4] for box in boxes), default=None)
