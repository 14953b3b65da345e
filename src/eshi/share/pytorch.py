"""The keys of the well-known PyTorch example, `main.0.weight` and so on, where the layers are its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from eshi.artist import Artist
from eshi.ground import files
from eshi.ground.errors import EshiError
from eshi.networks.contracts import Network
from eshi.run import checkpoint
from eshi.share.facts import facts

SUFFIX = ".pth"
SILENT = (nn.Unflatten, nn.Flatten, nn.Dropout, nn.Identity)  # that the example does not count
NEAR = 1e-5
HINT = "any generator goes out with --to safetensors or --to onnx"


class Other(Exception):
    """What a network has that the example has not."""


def write(artist: Artist, out: Path, only_g: bool = False) -> str:
    """`netG` and `netD`, each as that example's `load_state_dict` takes it, and `words`: what is added to a latent for
    hair=pink and so on, where the run learned from labels."""
    G: Any = artist.G
    try:
        state: dict[str, Any] = {"netG": named(G.cpu(), (nn.ConvTranspose2d, nn.ReLU), G.draw(2, 0)[:, :, None, None])}
    except Other as error:
        raise EshiError(f"G is not built as the well-known example: {error}", HINT) from error
    finally:
        artist.engine.place(G)
    said = "netG"
    if artist.D is not None and not only_g:
        D: Any = artist.D
        width, height = artist.recipe.width_height
        shown = torch.linspace(-1, 1, 3 * height * width).reshape(1, 3, height, width)
        try:
            state["netD"] = named(D.cpu(), (nn.Conv2d, nn.LeakyReLU), shown)
            said = "netG and netD"
        except Other as error:
            said = f"netG; D is left out, which is not built as the well-known example: {error}"
        artist.engine.place(D)
    if artist.attributes:
        state["words"] = artist.ways
        said += ", and words: what to add to a latent"
    told = {"images": artist.images, "shared": facts(artist).as_dict()}
    state["eshi"] = checkpoint.exporting(artist.recipe, told)[1][checkpoint.FACTS]
    with files.replacing(out) as file:
        torch.save(state, file)
    return said


def named(network: Network, kinds: tuple[type[nn.Module], type[nn.Module]], shown: Tensor) -> dict[str, Tensor]:
    """The example counts every layer, with weights or without; its convolutions have no bias, and a norm follows each
    but the one next to the picture and D's last. That the layers in a row are the whole network is tried out."""
    assert isinstance(network, nn.Module)
    row, judges = list(leaves(network)), kinds[0] is nn.Conv2d
    state: dict[str, Tensor] = {}
    for number, layer in enumerate(row):
        kind = type(layer).__name__
        if isinstance(layer, kinds[0]):
            if getattr(layer, "bias", None) is not None:
                raise Other(f"layer {number}, a {kind}, has a bias")
        elif not isinstance(layer, nn.BatchNorm2d | nn.Tanh | kinds[1]):
            raise Other(f"layer {number} is a {kind}")
        state |= {f"main.{number}.{name}": tensor for name, tensor in layer.state_dict().items()}
    if not normed(row, kinds, judges):
        raise Other("its batch norms stand elsewhere")
    with torch.inference_mode():
        x, whole = shown, network(shown if judges else shown.flatten(1))
        for layer in row:
            x = layer(x)
        if x.numel() != whole.numel() or float((x.flatten() - whole.flatten()).abs().max()) > NEAR:
            raise Other("its layers do not simply follow one another")
    return state


def normed(row: list[nn.Module], kinds: tuple[type[nn.Module], type[nn.Module]], judges: bool) -> bool:
    """Is there a norm, then a rectifier, behind each convolution? Not behind G's last, D's first and D's last."""
    words = "".join("c" if isinstance(m, kinds[0]) else "n" if isinstance(m, nn.BatchNorm2d) else "a" for m in row)
    count = words.count("c")
    return words == ("ca" + "cna" * (count - 2) + "c" if judges else "cna" * (count - 1) + "ca")


def leaves(network: nn.Module) -> Iterator[nn.Module]:
    asked = getattr(network, "words", None)
    for layer in network.modules():
        if not list(layer.children()) and not isinstance(layer, SILENT) and layer is not asked:
            yield layer
