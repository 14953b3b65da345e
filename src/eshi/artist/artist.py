"""Drawing with a trained generator: numbered faces, named ones, the best of many."""

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from eshi import recipe
from eshi.artist import points, typical
from eshi.artist.points import Latent
from eshi.ground import image
from eshi.ground.errors import EshiError, near_miss
from eshi.ground.progress import Progress
from eshi.networks import labels
from eshi.networks.build import SECTIONS, network
from eshi.networks.contracts import Discriminator, Generator
from eshi.networks.engine import Engine, borrowed_randomness, choose
from eshi.networks.labels import attributes, spoken, told
from eshi.recipe import Recipe
from eshi.run import checkpoint, shipped

BATCH = 64  # faces drawn at once
By = Literal["typical", "D"]  # what the best of many are
STEPS = dict(zip(shipped.CHECKPOINTS, ("best step", "last step"), strict=True))


@dataclass
class Artist:
    """What a checkpoint can do: G draws (its moving average, where the run kept one), D judges."""

    recipe: Recipe
    images: int  # that G had seen
    G: Generator
    D: Discriminator | None
    home: Path | None = None  # the folder that its favourites and directions lie in; none for one made in Python
    step: str = ""  # which of a run's it is, or the checkpoint's name
    engine: Engine = field(default_factory=lambda: choose("cpu", "fp32"))
    shared: dict[str, Any] = field(default_factory=dict)  # the scores and credits that a file from elsewhere came with
    shipped: bool = False  # is it the one that comes with eshi?
    asked: dict[str, str] = field(default_factory=dict)  # what all its drawings are to show
    bend: Callable[[Tensor], Tensor] | None = None  # what is done to latents before they are drawn

    @classmethod
    def load(cls, path: Path | str, device: str = "cpu") -> "Artist":
        """From a checkpoint file alone, or from a run folder: its best step, where the judge has named one. `painted`
        is the generator that comes with eshi, which has no D."""
        path, own = Path(path), shipped.shipped(path)
        if pictured(path):
            raise EshiError(f"{path} is a picture", "name a run folder or a checkpoint first; eshi runs lists the runs")
        file = next((path / name for name in STEPS if (path / name).exists()), path)
        state: dict[str, Any] = shipped.state() if own else checkpoint.load(file)
        weights = {"G": checkpoint.drawing(state), "D": state.get("D")}
        weights = {name: its for name, its in weights.items() if its is not None}
        found = recipe.parse(state["recipe"], where=f"the recipe in {file}").check([SECTIONS[name] for name in weights])
        ready, engine = trained(found, weights, file), choose(device, "fp32")
        ready = {name: engine.place(part).eval().requires_grad_(False) for name, part in ready.items()}
        G, D = ready.get("G", Absent(file)), ready.get("D")
        step = STEPS.get(file.name, file.name)
        return cls(found, state["images"], G, D, shipped.home(path), step, engine, state["shared"], own)

    @classmethod
    def of(cls, run: "Path | str | Artist", device: str = "cpu") -> "Artist":
        return run if isinstance(run, Artist) else cls.load(run, device)

    @property
    def step_name(self) -> str:
        """What it draws with, for a person: best step, 60,000 images."""
        return f"{self.step}, {self.images:,} images".lstrip(", ")

    @property
    def critic(self) -> Discriminator:
        """D, or an error that says why there is none."""
        if self.D is None:
            if self.shipped:
                hint = f"a run of your own has one: eshi train FACES -r {self.recipe.name} --from {shipped.NAME}"
                raise EshiError("the generator that comes with eshi has no D, which this would ask", hint)
            raise EshiError("this checkpoint holds no D, only G", "take the run's own last.pt, or an export with D")
        return self.D

    @property
    def draws(self) -> bool:
        """Is there a G at all? An imported discriminator comes without."""
        return not isinstance(self.G, Absent)

    @property
    def attributes(self) -> dict[str, list[str]]:
        """What it has learned to be asked for: attribute -> values; nothing where it learned without labels."""
        return attributes(self.recipe.labels.values) if self.recipe.labels else {}

    def asking(self, wanted: Mapping[str, str]) -> "Artist":
        """The same artist, all of whose drawings show what is wanted: {"hair": "pink"}."""
        if wanted and not self.attributes:
            hint = "labels are learned: eshi label FACES, then eshi train FACES --labels hair,eyes"
            raise EshiError(f"nothing can be asked of {self.home or self.step}: it learned without labels", hint)
        self.toward(wanted)
        return replace(self, asked=self.asked | dict(wanted))

    @torch.no_grad()
    def toward(self, wanted: Mapping[str, str]) -> Tensor:
        """(latent,) on the CPU: added to a latent, it shows what is wanted. Nothing of what is not asked for."""
        if not wanted or not self.recipe.labels:
            return torch.zeros(self.G.latent)
        G: Any = self.G
        words = spoken(self.recipe.labels.values, wanted).to(self.engine.device)
        far: Tensor = G.words(words)[0].cpu()
        return far

    @property
    def ways(self) -> dict[str, Tensor]:
        """hair=pink and so on -> (latent,), what is added to a latent."""
        pairs = [(attribute, value) for attribute, values in self.attributes.items() for value in values]
        return {f"{attribute}={value}": self.toward({attribute: value}) for attribute, value in pairs}

    def wishing(self, z: Tensor) -> Tensor:
        """Latents that show what this artist is asked for."""
        z = z if self.bend is None else self.bend(z)
        return z + self.toward(self.asked).to(z.device) if self.asked else z

    def favourites(self) -> points.Favourites:
        return points.favourites(self.home) if self.home else {}

    def latent(self, point: Latent) -> Tensor:
        """(latent,) of a seed, a name, a file or numbers; refused where it does not fit G."""
        if isinstance(point, np.ndarray | Tensor):
            return points.fitting(point, self.G.latent, "the latent")
        if (seed := points.seed(point)) is not None:
            return self.latents(range(seed, seed + 1))[0]
        name = str(point)
        if isinstance(point, Path) or name.endswith(".npy"):
            return points.fitting(points.read(Path(name)), self.G.latent, name)
        known = self.favourites()
        if name not in known:
            kept = near_miss(name, known) if known else f"keep one: eshi favourites RUN add 7 --name {name}"
            hint = kept if points.NAME.fullmatch(name) else "a point is a seed, a favourite's name or a .npy file"
            raise EshiError(f"no favourite called '{name}'", hint)
        value = known[name]
        if isinstance(value, int):
            return self.latent(value)
        return points.fitting(np.array(value), self.G.latent, f"favourite '{name}'")

    def latents(self, wanted: Sequence[Latent]) -> Tensor:
        """(N, latent), on the CPU: numbers are the same for every device."""
        if isinstance(wanted, range) and wanted.step == 1 and wanted:
            for end in (wanted[0], wanted[-1]):
                points.seed(end)  # refused where it is none
            return labels.latents(self.G, self.recipe.labels, self.images, wanted, self.asked).cpu()
        return torch.stack([self.latent(point) for point in wanted])

    def drawn(self, z: Tensor) -> Tensor:
        """(N, latent) -> (N, 3, H, W) in [-1, 1], on the artist's device."""
        return self.G(self.wishing(z).to(self.engine.device))

    def render(self, z: Tensor) -> np.ndarray:
        return render(self.G, self.wishing(z))

    @torch.inference_mode()
    def search(
        self, count: int, numbers: range, mean: float = 0.0, std: float = 1.0, by: By = "typical"
    ) -> tuple[list[int], list[float]]:
        """The best `count` drawings, best first, and how good: how typical they are, or how much D likes them."""
        judge = self.liking if by == "D" else typical.likeness
        with Progress("searching", len(numbers), "faces") as bar:

            def drawings() -> Iterator[Tensor]:
                for some in batches(numbers):
                    yield self.drawn(mean + std * self.latents(some))
                    bar.advance(len(some))

            scores = torch.cat([part.cpu() for part in judge(drawings())])
        best = scores.argsort(descending=True, stable=True)[:count]
        return [numbers[int(i)] for i in best], scores[best].tolist()

    def liking(self, drawings: Iterable[Tensor]) -> Iterator[Tensor]:
        wish = spoken(self.recipe.labels.values, self.asked) if self.recipe.labels and self.asked else None
        D = told(self.critic, None if wish is None else wish.to(self.engine.device))
        for drawn in drawings:
            liked = D(drawn)
            yield liked if liked.ndim == 1 else liked.mean(1)


class Absent:
    """In the place of a G where there is none: whatever is asked of it, it says so."""

    def __init__(self, file: Path):
        self._file = file

    def __getattr__(self, name: str) -> Any:
        hint = "it can be asked by eshi look RUN --on FACES and eshi transfer RUN DATASET"
        raise EshiError(f"{self._file} holds a discriminator alone: it cannot draw", hint)


def pictured(path: Path) -> bool:
    """Is it a picture that stands where a run should? Arguments are easily swapped."""
    if not path.is_file() or path.suffix.lower() not in image.SUFFIXES:
        return False
    try:
        return bool(len(image.decode(path, (image.SMALLEST, image.SMALLEST))))
    except image.Unreadable:
        return False


def trained(found: Recipe, weights: dict[str, Any], file: Path) -> dict[str, Any]:
    """The networks with their weights. What does not fit is named before a stranger's recipe costs any memory."""
    with borrowed_randomness():
        for name, outline in built(found, weights, "meta", file).items():
            if wrong := checkpoint.misfit(outline.state_dict(), weights[name]):
                hint = "take another checkpoint of the run: best.pt or last.pt"
                raise EshiError(f"{name} in {file} does not fit its recipe: {wrong}", hint, 1)
        ready = built(found, weights, "cpu", file)
    for name, its in weights.items():
        checkpoint.fill(ready[name], its, f"{name} in {file}")
    return ready


def built(found: Recipe, names: Iterable[str], device: str, file: Path) -> dict[str, Any]:
    try:
        with torch.device(device), warnings.catch_warnings():
            if device == "meta":
                warnings.simplefilter("ignore")  # parts that come with weights of their own: an outline takes none
            return {name: network(found, name) for name in names}
    except EshiError:
        raise
    except Exception as error:  # torch raises whatever impossible numbers make it stumble over
        if device == "meta":  # and a part of one's own may ask for real weights at once
            return {}
        hint = "its generator or discriminator is another eshi's, or damaged"
        raise EshiError(f"cannot build the networks of {file}: {points.reason(error)}", hint, 1) from error


@dataclass
class Drawing:
    """`images` (N, H, W, 3) uint8; `numbers[i]` draws image i alone: a seed, or what was asked for; `scores` say how
    good each is, if it was searched."""

    images: np.ndarray
    numbers: list[int | str]
    scores: list[float]


def render(G: Generator, z: Tensor, batch: int = BATCH) -> np.ndarray:
    """(N, latent) -> (N, H, W, 3) uint8, as the network draws when it does not learn."""
    training, device = G.training, next(G.parameters()).device
    G.eval()
    with torch.inference_mode():
        parts = [G(part.to(device)).float() for part in torch.split(z, batch)]
        drawn = [(part * 127.5 + 128).clamp_(0, 255).to(torch.uint8) for part in parts]
    G.train(training)
    return torch.cat(drawn).permute(0, 2, 3, 1).cpu().numpy()


def draw(
    run: Path | str | Artist, count: int = 64, seed: int = 0, search: int = 0, mean: float = 0.0, std: float = 1.0,
    faces: Sequence[Latent] = (), by: By = "typical",
) -> Drawing:  # fmt: skip
    """The drawings number seed, seed + 1, ...; with `search`, the best `count` of that many, best first.

    `faces` are drawn instead: seeds, favourites' names, .npy files, latents.
    """
    parts = list(stream(run, count, seed, search, mean, std, faces, by))
    images = np.concatenate([part.images for part in parts])
    numbers, scores = [n for part in parts for n in part.numbers], [s for part in parts for s in part.scores]
    return Drawing(images, numbers, scores)


def stream(
    run: Path | str | Artist, count: int = 64, seed: int = 0, search: int = 0, mean: float = 0.0, std: float = 1.0,
    faces: Sequence[Latent] = (), by: By = "typical",
) -> Iterator[Drawing]:  # fmt: skip
    """The same, a few at a time: as many as there is room for on the disk."""
    if count < 1 or 0 < search < count or search < 0 or not 0 <= seed < points.SEEDS:
        raise EshiError(
            f"cannot draw {count} faces from seed {seed}" + (f" searching {search}" if search else ""),
            "--count and --seed start at 1 and 0, and --search must be at least --count",
        )
    if by == "D" and not search:
        raise EshiError(
            "D is asked for the best of a search, and nothing is searched", "add --search 512, or leave out --by D"
        )
    if not (math.isfinite(mean) and math.isfinite(std)):
        raise EshiError(f"cannot draw with latents of mean {mean} and deviation {std}", "--mean 0 --std 1 is usual")
    if len(faces) and search:
        raise EshiError("a search looks at numbered faces, not at chosen ones", "leave out --search, or the faces")
    who = Artist.of(run)
    chosen: Sequence[Latent] = faces if len(faces) else range(seed, seed + count)
    scores: list[float] = []
    if search:
        chosen, scores = who.search(count, range(seed, seed + search), mean, std, by)
    for start, some in zip(range(0, len(chosen), BATCH), batches(chosen), strict=True):
        images = who.render(mean + std * who.latents(some))
        yield Drawing(images, [points.said(point) for point in some], scores[start : start + BATCH])


def batches(wanted: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH))
