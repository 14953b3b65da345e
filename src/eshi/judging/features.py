"""Images as vectors in which faces that look alike lie close. The built-in network ships with eshi; Inception is extra.

`lite0` is EfficientNet-Lite0 (Tan and Le 2019, Apache-2.0) up to its eleventh block, chosen by measuring what orders
training steps and damaged faces as a person does: docs/judge.md.
"""

import functools
import hashlib
import io
import itertools
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from eshi.ground.errors import EshiError
from eshi.ground.files import cache, write
from eshi.ground.progress import Progress, note
from eshi.ground.registry import FEATURES
from eshi.networks.contracts import Network
from eshi.networks.lite import Lite, sized

USUAL = "lite0"  # what every run is ranked by
DIGEST = 16  # bytes after the array in a file of the cache
SMALLEST, LARGEST = 64, 128  # px of the short side that the network is shown


@FEATURES.register("lite0")
class Lite0(nn.Module):
    """(N, 3, H, W) uint8 -> (N, 112) with mean square 1: without the normalisation, contrast outweighs form."""

    distances = ("fd_lite0", "kd_lite0")

    def __init__(self) -> None:
        super().__init__()
        self.network = Lite("lite0", Path(__file__).with_name("lite0.npz"))

    def forward(self, images: Tensor) -> Tensor:
        x = self.network(sized(images.float(), SMALLEST, LARGEST))[-1].mean(dim=(2, 3))  # (N, 112)
        found: Tensor = x / x.square().mean(dim=1, keepdim=True).sqrt().clamp_min(1e-6)
        return found


@FEATURES.register("inception")
class Inception(nn.Module):
    """The network that FID is defined with, as torch-fidelity carries it: (N, 3, H, W) uint8 -> (N, 2048)."""

    distances = ("fid", "kid")

    def __init__(self, weights: str = "") -> None:
        super().__init__()
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ImportError as error:
            hint = "pip install 'eshi[inception]', or judge with the built-in network"
            raise EshiError("Inception needs the package torch-fidelity, which is not installed", hint) from error
        if weights and not Path(weights).is_file():
            raise EshiError(f"there are no Inception weights {weights}", "without the option they are downloaded once")
        self.network = FeatureExtractorInceptionV3("inception", ["2048"], weights or None).eval()

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.network(images)[0]
        return found


def looks_through(teacher: Network, kind: str = USUAL) -> bool:
    """Does a teacher see with the network that ranks its pupil? Such a rank would say nothing."""
    return any(isinstance(module, Lite) and module.name == kind for module in teacher.modules())


@functools.cache
def network(kind: str = USUAL, device: str = "cpu", **options: Any) -> nn.Module:
    module: nn.Module = FEATURES.build({"name": kind} | options)
    return module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


@torch.inference_mode()
def features(images: np.ndarray, module: nn.Module, batch: int = 64, what: str = "") -> np.ndarray:
    """(N, H, W, 3) uint8 -> (N, F) float32; with `what`, a progress bar says what is being read."""
    device = next(itertools.chain(module.parameters(), module.buffers())).device
    found = []
    with Progress(f"looking at {what}", len(images), "images") if what else nullcontext() as bar:
        for start in range(0, len(images), batch):
            part = torch.from_numpy(np.array(images[start : start + batch])).to(device)
            found.append(module(part.permute(0, 3, 1, 2)).float().cpu().numpy())
            if bar:
                bar.advance(len(part))
    return np.concatenate(found)


def cached(images: np.ndarray, kind: str, module: nn.Module, what: str = "") -> np.ndarray:
    """The same, kept in the user's cache under the hash of the pixels: real faces are looked at once."""
    name = hashlib.blake2b(np.ascontiguousarray(images).data.cast("B"), digest_size=12).hexdigest()
    try:
        file = cache() / "features" / f"{kind}-{images.shape[2]}x{images.shape[1]}-{name}.bin"
    except EshiError:  # a user without a home has no cache
        return features(images, module, what=what)
    if (found := kept(file, len(images))) is not None:
        return found
    found = features(images, module, what=what)
    memory = io.BytesIO()
    np.save(memory, found)
    with suppress(EshiError):  # a cache that cannot be written is no reason to stop
        write(file, memory.getvalue() + digest(memory.getvalue()))
    return found


def kept(file: Path, count: int) -> np.ndarray | None:
    """The features in a file of the cache; None where there is none, or it is not whole: then they are taken anew."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    whole = digest(content[:-DIGEST]) == content[-DIGEST:]
    found: np.ndarray | None = np.load(io.BytesIO(content[:-DIGEST]), allow_pickle=False) if whole else None
    if found is None or len(found) != count:
        note(f"{file} is damaged and made anew")
        return None
    return found


def digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST).digest()
