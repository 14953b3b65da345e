"""G for other programs, in ONNX: any number of faces at once, batch norm folded into the layers before it."""

import operator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.utils import fusion

from eshi.artist import Artist
from eshi.ground import files
from eshi.ground.errors import EshiError
from eshi.networks.labels import asked
from eshi.run import checkpoint
from eshi.share import model
from eshi.share.facts import facts
from eshi.share.model import Model, Node

SUFFIX = ".onnx"
LATENTS = 8  # that the file is tried with
NEAR = 1e-4  # between the file's drawings and torch's, of 2 from black to white
HALF = 2 * 2 / 255  # with weights of 16 bits: two levels of 255
BESIDE = {torch.relu: "Relu", torch.tanh: "Tanh", operator.add: "Add"}
WORDS = {nn.ReLU: "Relu", nn.Tanh: "Tanh", nn.LeakyReLU: "LeakyRelu"}


def write(artist: Artist, out: Path, half: bool = False) -> str:
    """`half`: weights of 16 bits, which take half the room; what reads the file computes with 32 all the same."""
    G: Any = artist.G
    made = traced(G.cpu().eval(), G.latent, G.size)
    if half:
        halved(made)
    told = {"step": 0, "images": artist.images, "seconds": 0.0, "faces": "", "rollbacks": []}
    made.facts = checkpoint.exporting(artist.recipe, told | {"shared": facts(artist).as_dict()})[1]
    content = model.content(made)
    z = G.draw(LATENTS, 0)
    words = torch.eye(made.words).repeat(-(-LATENTS // made.words), 1)[:LATENTS] if made.words else None
    with torch.inference_mode():
        off = float((model.run(content, z) - G(z)).abs().max())
        if words is not None:
            off = max(off, float((model.run(content, z, words) - G(asked(G, z, words))).abs().max()))
    artist.engine.place(G)
    if not off <= (HALF if half else NEAR):
        what = f"the ONNX model draws other faces than torch: they differ by {off:.2g}"
        raise EshiError(what, "please report it; --to safetensors keeps the weights as they are", 1)
    with files.replacing(out) as file:
        file.write(content)
    return f"differs from torch by at most {off:.1g} on {LATENTS} latents (black to white is 2)"


def traced(G: nn.Module, latent: int, size: tuple[int, int]) -> Model:
    """What G does to a latent, node by node."""
    made = Model(latent, size)
    hint = "ONNX is written for linear layers, convolutions, batch norm, rectifiers, enlarging and tanh"
    try:
        graph = fx.symbolic_trace(G)
        layers, joined = dict(graph.named_modules()), folds(graph)
        names: dict[Any, str] = {}
        start = told(made, G.words) if hasattr(G, "words") else model.INPUT
        for node in graph.graph.nodes:
            if node.op == "placeholder":
                names[node] = start
            elif node.op == "output":
                made.nodes.append(Node("Reshape", [names[node.args[0]], "shape"], model.OUTPUT))
                made.weights["shape"] = torch.tensor([-1, 3, size[1], size[0]])
            elif node in joined.values() or isinstance(layers.get(str(node.target)), nn.Dropout | nn.Identity):
                names[node] = names[node.args[0]]  # it lies in the layer before, or does nothing
            else:
                inputs = [names[one] for one in node.args if isinstance(one, fx.Node)]
                if node.op == "call_module":
                    norm = layers[str(joined[node].target)] if node in joined else None
                    add(made, layers[str(node.target)], str(node.target), inputs, node.name, norm)
                else:
                    made.nodes.append(Node(BESIDE[node.target], inputs, node.name))
                names[node] = node.name
    except EshiError as error:
        raise EshiError(str(error), hint) from error
    except Exception as error:  # fx raises whatever a generator's own code makes it stumble over
        what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise EshiError(f"cannot follow what this generator does: {what}", hint) from error
    return made


def told(made: Model, layer: Any) -> str:
    """Two nodes that move the latent by what is asked for."""
    made.words = int(layer.in_features)
    add(made, layer, "words", [model.ASKED], "way", None)
    made.nodes.append(Node("Add", [model.INPUT, "way"], "asked"))
    return "asked"


def folds(graph: fx.GraphModule) -> dict[fx.Node, fx.Node]:
    """Layer -> the batch norm that follows it and nothing else does: the two become one."""
    layers, found = dict(graph.named_modules()), {}
    for node in graph.graph.nodes:
        if node.op == "call_module" and isinstance(layers[str(node.target)], nn.BatchNorm1d | nn.BatchNorm2d):
            before = node.args[0]
            layer = layers.get(str(before.target)) if before.op == "call_module" else None
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d) and len(before.users) == 1:
                found[before] = node
    return found


def add(made: Model, layer: nn.Module, path: str, inputs: list[str], name: str, norm: nn.Module | None) -> None:
    """The node of one layer, with the weights that it needs."""
    if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        whole: Any = joined(layer, norm)
        bias = whole.bias if whole.bias is not None else torch.zeros(outs(whole))
        made.weights |= {f"{path}.weight": whole.weight.detach(), f"{path}.bias": bias.detach()}
        inputs = [*inputs, f"{path}.weight", f"{path}.bias"]
        if isinstance(layer, nn.Linear):
            made.nodes.append(Node("Gemm", inputs, name, {"transB": 1}))
            return
        if layer.groups != 1 or set(layer.dilation) != {1} or layer.padding_mode != "zeros":
            raise EshiError(f"{path} is a convolution with groups, dilation or other borders than zeros")
        if isinstance(layer.padding, str) or any(getattr(layer, "output_padding", (0,))):
            raise EshiError(f"{path} pads as no other layer of eshi's does")
        options = {"kernel_shape": [*layer.kernel_size], "strides": [*layer.stride], "pads": [*layer.padding] * 2}
        kind = "ConvTranspose" if isinstance(layer, nn.ConvTranspose2d) else "Conv"
        made.nodes.append(Node(kind, inputs, name, options))
    elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
        state = layer.state_dict()
        parts = {f"{path}.{leaf}": state[leaf] for leaf in ("weight", "bias", "running_mean", "running_var")}
        made.weights |= parts
        made.nodes.append(Node("BatchNormalization", [*inputs, *parts], name, {"epsilon": float(layer.eps)}))
    elif isinstance(layer, nn.Unflatten):
        made.weights[f"{path}.shape"] = torch.tensor([-1, *layer.unflattened_size])
        made.nodes.append(Node("Reshape", [*inputs, f"{path}.shape"], name))
    elif isinstance(layer, nn.Flatten):
        made.nodes.append(Node("Flatten", inputs, name, {"axis": 1}))
    elif isinstance(layer, nn.Upsample) and layer.mode == "nearest" and isinstance(layer.scale_factor, float):
        made.weights[f"{path}.scales"] = torch.tensor([1.0, 1.0, layer.scale_factor, layer.scale_factor])
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        made.nodes.append(Node("Resize", [*inputs, "", f"{path}.scales"], name, how))
    elif type(layer) in WORDS:
        slope = {"alpha": float(layer.negative_slope)} if isinstance(layer, nn.LeakyReLU) else {}
        made.nodes.append(Node(WORDS[type(layer)], inputs, name, slope))
    else:
        raise EshiError(f"there is no ONNX for {path}, a {type(layer).__name__}")


def joined(layer: Any, norm: Any) -> nn.Module:
    if norm is None:
        return layer  # type: ignore[no-any-return]
    if isinstance(layer, nn.Linear):
        return fusion.fuse_linear_bn_eval(layer, norm)
    folded: nn.Module = fusion.fuse_conv_bn_eval(layer, norm, transpose=isinstance(layer, nn.ConvTranspose2d))
    return folded


def outs(layer: Any) -> int:
    return int(layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels)


def halved(made: Model) -> None:
    """Every weight as 16 bits, and a node that makes 32 of it again."""
    casts = []
    for name, weight in list(made.weights.items()):
        if weight.dtype == torch.float32 and not name.endswith(".scales"):
            del made.weights[name]
            made.weights[f"{name}.half"] = weight.half()
            casts.append(Node("Cast", [f"{name}.half"], name, {"to": model.KINDS[torch.float32]}))
    made.nodes = casts + made.nodes


def unfolded(G: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """G's own state from an export's weights: a batch norm that was folded has nothing left to do but add."""
    graph, outline = fx.symbolic_trace(G.eval()), G.state_dict()
    layers = dict(graph.named_modules())
    found = {name.removesuffix(".half"): tensor.float() for name, tensor in weights.items()}
    norms = {str(layer.target): str(norm.target) for layer, norm in folds(graph).items()}
    state = {name: found[name] for name in outline if name in found}
    for layer, norm in norms.items():
        if (bias := found.get(f"{layer}.bias")) is None:
            continue  # whoever takes the state in will miss it
        scale = (1 + float(layers[norm].eps)) ** 0.5
        state |= {f"{norm}.weight": torch.full_like(bias, scale), f"{norm}.bias": bias}
        state |= {f"{norm}.running_mean": torch.zeros_like(bias), f"{norm}.running_var": torch.ones_like(bias)}
        if f"{layer}.bias" in outline:
            state[f"{layer}.bias"] = torch.zeros_like(bias)
    counts = {name: torch.zeros((), dtype=torch.int64) for name in outline if name.endswith("num_batches_tracked")}
    return state | counts
