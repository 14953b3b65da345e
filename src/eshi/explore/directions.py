"""Directions in latent space that mean something: from G's layers alone, from features, and from measures."""

import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from eshi.artist import Artist, points, typical
from eshi.artist.artist import BATCH
from eshi.explore.features import features
from eshi.explore.measures import COLOURED, Measure, measured
from eshi.gather.faceset import faceset
from eshi.ground import files, image, sheet
from eshi.ground.errors import EshiError, near_miss
from eshi.ground.progress import Progress, note
from eshi.ground.sheet import PLAIN, Style
from eshi.judging.witness import Witness, witness
from eshi.networks.contracts import Generator
from eshi.networks.engine import borrowed_randomness, one_thread
from eshi.run.shipped import DIRECTIONS

KEPT = "directions.npz"  # in a run's folder
UNLABELLED = 8  # kept of each kind that needs no labels
FIRST = 2_000_000  # the seed that the drawings to learn from begin with, far from those people look at
TOLD = 0.3  # the correlation from which on a measure follows from the latent, and is kept out of other directions
FEWEST = 30  # faces of a value that a direction is learned of
TYPICAL = "typical"  # how like the others a drawing is: what moves everything at once, so nothing is taken out of it
DEGREES = {"rather": 1.5, "very": 3.0}  # of it, in deviations
SAYS = 0.5  # the correlation from which on it is worth asking for
SAME = 0.8  # the cosine from which on two measures are taken for one thing, which cannot change without itself


@dataclass
class Directions:
    """`vectors` (K, latent), each of length 1. `correlations[i]` is that of the latent's share along direction i
    with the measure `attributes[i]`, on drawings that the direction was not fitted to.
    """

    names: list[str]
    kinds: list[str]  # measured, label, factor or ica
    vectors: np.ndarray
    attributes: list[str]
    correlations: list[float]
    colours: dict[str, np.ndarray] = field(default_factory=dict)  # hair, eyes -> (3, latent): RGB per unit
    images: int = 0  # how far the run had been trained

    def vector(self, name: str) -> np.ndarray:
        if name not in self.names:
            raise EshiError(f"this run has no direction '{name}'", near_miss(name, self.names))
        found: np.ndarray = self.vectors[self.names.index(name)]
        return found

    @property
    def degrees(self) -> dict[str, float]:
        """How typical drawings can be asked to be: not at all, where no direction says much of it."""
        says = TYPICAL in self.names and self.correlations[self.names.index(TYPICAL)] >= SAYS
        return DEGREES if says else {}

    def sheet(self, who: Artist, z: Tensor, reach: float = 3.0, steps: int = 9, style: Style = PLAIN) -> np.ndarray:
        amounts = torch.linspace(-reach, reach, steps)
        far = amounts[:, None] * who.G.prior.deviation
        rows = [who.render(z + far * torch.from_numpy(vector)) for vector in self.vectors]
        words = []
        for name, attribute, r in zip(self.names, self.attributes, self.correlations, strict=True):
            words.append(f"{name}\nr {r:+.2f}" if attribute == name else f"{name}\n{attribute} {r:+.2f}")
        return sheet.table(rows, words, [f"{amount:+.2g}" for amount in amounts.tolist()], style)


def directions(
    run: Path | str | Artist, count: int = 2000, seed: int = FIRST, more: dict[str, Measure] | None = None,
    keep: bool = True, labels: Witness | None = None,
) -> Directions:  # fmt: skip
    """Draw `count` faces, measure them, and find what moves what. Kept with the run, where it has a folder."""
    who = Artist.of(run)
    if count < 100:
        raise EshiError(f"{count} drawings are too few to learn directions from", "--count starts at 100")
    z = who.latents(range(seed, seed + count))
    drawn = []
    with Progress("drawing faces to measure", count, "faces") as bar:
        for part in torch.split(z, BATCH):
            drawn.append(who.render(part))
            bar.advance(len(part))
    images = np.concatenate(drawn)
    seen = torch.cat([features(who, who.engine.put(part))[0] for part in np.array_split(images, -(-count // BATCH))])
    found = learned(who, z.numpy(), images, seen, more, labels)
    if who.home and keep:
        save(found, who.home / KEPT)
        image.save(found.sheet(who, who.latents([0])), who.home / "directions.png")
    return found


@one_thread()
def learned(
    who: Artist, latents: np.ndarray, images: np.ndarray, seen: Tensor, more: dict[str, Measure] | None,
    labels: Witness | None = None,
) -> Directions:  # fmt: skip
    """From latents, what they draw, and D's features of it: the same for every number of threads, as drawings are."""
    fitted = len(latents) * 3 // 4  # the rest tells how well
    known = {name: values for name, values in measured(images, more).items() if values[:fitted].std() > 1e-6}
    ruled, colours = clean(latents[:fitted], {n: v[:fitted] for n, v in known.items()}, images[:fitted])
    found = {name: ("measured", vector) for name, vector in ruled.items()}
    found |= {f"factor{i + 1}": ("factor", vector) for i, vector in enumerate(factorised(who.G)[:UNLABELLED])}
    found |= {f"ica{i + 1}": ("ica", v) for i, v in enumerate(independent(latents[:fitted], seen[:fitted]))}
    told = {TYPICAL: typical.likenesses(images)} | (labels.evidence(images) if labels else {})
    for name, values in told.items():  # not cleaned of one another: values of one attribute exclude each other
        slope = ridge(latents[:fitted], values[:fitted])
        kind = "measured" if name == TYPICAL else "label"
        found[name] = (kind, slope / max(float(np.linalg.norm(slope)), 1e-12))
    attributes, correlations = [], []
    for name, (kind, vector) in found.items():
        along = latents[fitted:] @ vector
        its = {name: (known | told)[name]} if kind in ("measured", "label") else known
        rs = {other: correlation(along, values[fitted:]) for other, values in its.items()}
        best = max(rs, key=lambda other: abs(rs[other])) if rs else ""
        attributes.append(best)
        correlations.append(rs.get(best, 0.0))
    vectors = np.array([vector for _, vector in found.values()], np.float32)
    return Directions(
        list(found), [kind for kind, _ in found.values()], vectors, attributes, correlations, colours, who.images
    )


def by_labels(faces: Path | str, size: tuple[int, int]) -> Witness:
    """Who says of drawings what `eshi label` knows enough of in these faces; but for colours of hair and eyes, which
    are measured."""
    shown = faceset(Path(faces), size)
    found = shown.attributes([name for name in shown.known if name not in COLOURED], fewest=FEWEST).values
    values = [f"{attribute}={value}" for attribute, several in found.items() if several[1:] for value in several]
    if not values:
        hint = f"a direction needs an attribute with two values of {FEWEST} faces each: eshi label {faces} counts them"
        raise EshiError(f"too little is known of {faces}", hint)
    return witness(shown, values)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0


def ridge(latents: np.ndarray, values: np.ndarray, weight: float = 20.0) -> np.ndarray:
    """(latent,) or (latent, K): how much the values grow per unit; `weight` counts as so many faces of no effect."""
    centred = latents - latents.mean(0)
    scale = centred.var(0).mean()
    square = centred.T @ centred + weight * scale * np.eye(latents.shape[1])
    return np.asarray(np.linalg.solve(square, centred.T @ (values - values.mean(0))))


def clean(
    latents: np.ndarray, known: dict[str, np.ndarray], images: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Each measure's direction without the share that moves other measures; the same for hair and eye colours.

    The whole face's light is no hindrance: it cannot stay when the hair changes.
    """
    slopes = {name: ridge(latents, values)[:, None] for name, values in known.items()}
    tints = {n: ridge(latents, colour(images)) for n, colour in COLOURED.items() if n in known}  # (latent, 3)
    everything = {name: np.hstack([slope, tints[name]]) if name in tints else slope for name, slope in slopes.items()}

    told = {n for n, slope in slopes.items() if abs(correlation(latents @ slope[:, 0], known[n])) >= TOLD}

    def without(vector: np.ndarray, name: str) -> np.ndarray:
        apart = [n for n in sorted(told - {name, "light"}) if alike(slopes[name], slopes[n]) < SAME and name != "light"]
        others = [everything[other] for other in apart]
        if not others:
            return vector
        block = np.hstack(others)
        basis, sizes, _ = np.linalg.svd(block / (np.linalg.norm(block, axis=0) + 1e-12), full_matrices=False)
        basis = basis[:, sizes > 1e-3]
        return np.asarray(vector - basis @ (basis.T @ vector))

    ruled = {}
    for name, slope in slopes.items():
        vector = without(slope[:, 0], name)
        ruled[name] = vector / max(float(np.linalg.norm(vector)), 1e-12)
    return ruled, {name: without(tint, name).T.astype(np.float32) for name, tint in tints.items()}


def alike(one: np.ndarray, other: np.ndarray) -> float:
    return float(abs((one * other).sum()) / (np.linalg.norm(one) * np.linalg.norm(other) + 1e-12))


def factorised(G: Generator) -> np.ndarray:
    """(latent, latent): eigenvectors of A^T A, A being all that takes the latent, most moving first (Shen, Zhou 2020,
    arXiv:2007.06600)."""
    weight = intake(G)
    sizes, vectors = np.linalg.eigh(weight @ weight.T)
    return np.asarray(vectors[:, np.argsort(-sizes)].T, np.float32)


def intake(G: Generator) -> np.ndarray:
    """(latent, outputs): the first layer, and what later ones are told again, as often as there are places for it."""
    again = [its[0].weight.detach().T.double().cpu().numpy() * its.places**0.5 for its in getattr(G, "reminders", ())]
    return np.hstack([first_layer(G), *again])


def first_layer(G: Generator) -> np.ndarray:
    """(latent, outputs), with the batch norm behind it, which scales what it gives."""
    modules = list(G.modules())
    length = G.latent
    for i, module in enumerate(modules):
        if isinstance(module, nn.Linear) and module.in_features == length:
            weight = module.weight.detach().T[:, :, None]
        elif isinstance(module, nn.ConvTranspose2d | nn.Conv2d) and module.in_channels == length:
            rows = module.weight.detach() if isinstance(module, nn.ConvTranspose2d) else module.weight.detach().mT
            weight = rows.flatten(2)
        else:
            continue
        after = modules[i + 1] if i + 1 < len(modules) else None
        if isinstance(after, nn.BatchNorm1d | nn.BatchNorm2d) and after.running_var is not None:
            scale = after.weight.detach() / (after.running_var + after.eps).sqrt()
            weight = weight * scale[None, :, None]
        return weight.flatten(1).double().cpu().numpy()
    raise EshiError("this G has no first layer that takes its latent", "directions need one to factorise", 1)


def independent(latents: np.ndarray, seen: Tensor) -> np.ndarray:
    """(UNLABELLED, latent): what moves the drawings' features, in their principal components turned by `unmixed`.

    The components themselves mix what varies about as much: hair with background, say.
    """
    centred = seen - seen.mean(0)
    with borrowed_randomness(0):  # svd_lowrank begins at random
        scores, _, _ = torch.svd_lowrank(centred, q=UNLABELLED + 8, niter=4)
    white = scores[:, :UNLABELLED].numpy() * len(scores) ** 0.5
    slopes = ridge(latents, white @ unmixed(white).T)
    return np.asarray((slopes / np.maximum(np.linalg.norm(slopes, axis=0), 1e-12)).T, np.float32)


def unmixed(white: np.ndarray, turns: int = 300) -> np.ndarray:
    """(K, K), the rotation after which (N, K) uncorrelated columns are least Gaussian, hence least mixed.

    Hyvarinen 1999, "Fast and robust fixed-point algorithms for independent component analysis", with tanh.
    """
    random = np.random.default_rng(0)
    rotation = np.linalg.qr(random.standard_normal((white.shape[1],) * 2))[0]
    for _ in range(turns):
        squashed = np.tanh(white @ rotation.T)
        step = squashed.T @ white / len(white) - (1 - squashed**2).mean(0)[:, None] * rotation
        left, _, right = np.linalg.svd(step)
        before, rotation = rotation, left @ right
        if np.abs(np.abs((rotation * before).sum(1)) - 1).max() < 1e-6:
            break
    return np.asarray(rotation)


def save(found: Directions, file: Path) -> Path:
    memory = io.BytesIO()
    arrays: dict[str, Any] = dict(vars(found))
    arrays |= {f"colour_{name}": slope for name, slope in arrays.pop("colours").items()}
    np.savez(memory, **arrays)
    return files.write(file, memory.getvalue())


def saved(who: Artist) -> Directions:
    """What `directions` has kept with the run."""
    if who.home is None:
        hint = "find them first, and hand them over: edit(..., found=directions(artist))"
        raise EshiError("this artist has no folder that its directions could be kept in", hint)
    file, again = who.home / KEPT, f"eshi directions {who.home}"
    if who.shipped and not file.exists():
        file = DIRECTIONS
    try:
        found = read(points.contents(file))
    except FileNotFoundError:
        learned = f"it has learned {', '.join(who.attributes)}; for anything else " if who.attributes else ""
        raise EshiError(f"{who.home} has no directions yet", f"{learned}first: {again}") from None
    except Exception as error:  # numpy raises whatever broken bytes make it stumble over
        raise EshiError(f"cannot read {file}: {points.reason(error)}", f"find them anew: {again}", 1) from error
    if found.vectors.shape[1] != who.G.latent:
        raise EshiError(f"{file} belongs to another G", f"find them anew: {again}")
    if found.images != who.images:
        note(f"the directions were found at {found.images:,} images, the run is at {who.images:,}: find them anew")
    return found


def read(content: bytes) -> Directions:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(member.file_size for member in archive.infolist()) > points.LARGEST:
            raise ValueError(f"it unpacks to more than {points.LARGEST:,} bytes")
    with np.load(io.BytesIO(content), allow_pickle=False) as kept:
        lists = {key: kept[key].tolist() for key in ("names", "kinds", "attributes", "correlations", "images")}
        colours = {key.removeprefix("colour_"): kept[key] for key in kept.files if key.startswith("colour_")}
        found = Directions(vectors=kept["vectors"], colours=colours, **lists)
    count, length = found.vectors.shape
    words = found.names, found.kinds, found.attributes
    numbers = [found.vectors, np.array(found.correlations), *colours.values()]
    shapes = [(count, length), (count,), *[(3, length)] * len(colours)]
    if not (
        all(type(row) is list and [type(word) for word in row] == [str] * count for row in words)
        and [array.shape for array in numbers] == shapes
        and all(array.dtype.kind == "f" and np.isfinite(array).all() for array in numbers)
        and type(found.images) is int
    ):
        raise ValueError("its parts do not fit together")
    return found
