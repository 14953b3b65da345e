"""A part of a batch, learned from in a thread of its own: what it draws at random, what it must know of the others.

Every shard draws what the whole batch would draw, from the same seed, and keeps its own rows; batch norm asks all of
them for their sums. So how many shards there are changes nothing but the rounding.
"""

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from eshi.networks.contracts import Network


@dataclass
class Shard:
    """`meet` gives what every shard brought, in their order, once all are there: they must all come, equally often."""

    number: int
    rows: slice  # of the batch
    whole: int  # rows of the batch
    meet: Callable[[Tensor], list[Tensor]]
    chance: torch.Generator  # the same numbers in every shard
    own: torch.Generator  # others in each

    @classmethod
    def of(
        cls, number: int, count: int, batch: int, device: torch.device, meet: Callable[[Tensor], list[Tensor]]
    ) -> "Shard":
        """The one of that number, of so many that share a batch."""
        rows = slice(*(batch * end // count for end in (number, number + 1)))
        return cls(number, rows, batch, meet, torch.Generator(device), torch.Generator(device))

    @contextmanager
    def at_work(self, seed: int) -> Iterator[None]:
        """This thread works on it, and what it draws at random begins anew."""
        self.chance.manual_seed(seed)
        self.own.manual_seed(seed + 1 + self.number)
        HERE.shard = self
        try:
            yield
        finally:
            HERE.shard = None

    @property
    def size(self) -> int:
        rows: int = self.rows.stop - self.rows.start
        return rows

    @property
    def share(self) -> float:
        return self.size / self.whole


class Here(threading.local):
    shard: Shard | None = None  # that this thread works on


HERE = Here()


def rand(*shape: int, device: torch.device | None = None) -> Tensor:
    return draw(torch.rand, shape, device)


def randn(*shape: int, device: torch.device | None = None) -> Tensor:
    return draw(torch.randn, shape, device)


def randint(high: int, shape: tuple[int, ...], device: torch.device | None = None) -> Tensor:
    return draw(functools.partial(torch.randint, high), shape, device)


def draw(how: Callable[..., Tensor], shape: tuple[int, ...], device: torch.device | None) -> Tensor:
    """torch's own where there are no shards; of shapes that begin with the batch, a shard's rows of all."""
    shard = HERE.shard
    if shard is None:
        return how(shape, device=device)
    if shape[0] != shard.size:
        return how(shape, generator=shard.own, device=device)
    return how((shard.whole, *shape[1:]), generator=shard.chance, device=device)[shard.rows]


class Dropout(nn.Dropout):
    """Masks are as large as maps: a shard draws only its own."""

    def forward(self, x: Tensor) -> Tensor:
        shard = HERE.shard
        if shard is None or not self.training:
            return super().forward(x)
        return x * torch.empty_like(x).bernoulli_(1 - self.p, generator=shard.own).div_(1 - self.p)


def norm_together(network: Network) -> None:
    """Batch norm of this network takes the statistics of all shards."""
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.forward = functools.partial(batch_norm, module)  # type: ignore[method-assign]


def batch_norm(norm: _BatchNorm, x: Tensor) -> Tensor:
    """As `norm` would with the whole batch before it: Ioffe and Szegedy 2015, arXiv:1502.03167."""
    shard = HERE.shard
    if shard is None or not (norm.training or norm.running_mean is None):
        return _BatchNorm.forward(norm, x)
    with torch.no_grad():
        spare = torch.zeros(2, x.shape[1], device=x.device)  # of fp32, so that the statistics of bf16 maps are, too
        mean, variance = torch.batch_norm_update_stats(x.detach(), spare[0], spare[1], 0.0)
        count = mean.new_tensor([x.numel() / len(mean)])
        count, mean, variance = pooled(shard.meet(torch.cat([mean, variance, count])))
        if norm.running_mean is not None and norm.running_var is not None and norm.num_batches_tracked is not None:
            norm.num_batches_tracked.add_(1)
            share = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
            norm.running_mean.lerp_(mean, share)
            norm.running_var.lerp_(variance * (count / (count - 1)), share)
    normed: Tensor = Normed.apply(x, norm.weight, norm.bias, mean, variance, norm.eps, count)  # type: ignore[no-untyped-call]
    return normed


def pooled(parts: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Count, mean and variance of all from the parts' means, variances, count (Chan, Golub and LeVeque 1979)."""
    told = torch.stack(parts)
    counts = told[:, -1:]
    means, variances = told[:, :-1].chunk(2, dim=1)
    shares = counts / counts.sum()
    mean = (shares * means).sum(0)
    return counts.sum(), mean, (shares * (variances + (means - mean).square())).sum(0)


class Normed(torch.autograd.Function):
    """(x - mean) / deviation x weight + bias, both of all shards: so are the sums in the gradient."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, variance: Tensor, eps: float,
        count: Tensor,
    ) -> Tensor:  # fmt: skip
        ctx.save_for_backward(x, weight, bias, mean, variance)
        ctx.eps, ctx.count = eps, count
        return torch.nn.functional.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, weight, bias, mean, variance = ctx.saved_tensors
        shard = HERE.shard
        assert shard is not None
        none = (None,) * 4
        if torch.is_grad_enabled():  # a gradient of the gradient is wanted: slower, of plain operations
            wanted = [v for v in (x, weight, bias) if v is not None and v.requires_grad]
            found = iter(torch.autograd.grad(plainly(x, weight, bias, ctx.eps), wanted, gradient, create_graph=True))
            return *(next(found) if v is not None and v.requires_grad else None for v in (x, weight, bias)), *none
        to_x, to_weight, to_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, x, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )  # as if mean and deviation were given
        met = shard.meet(torch.cat([to_weight, to_bias]))
        along, level = (torch.stack(met).sum(0) / ctx.count).chunk(2)
        inverse = (variance + ctx.eps).rsqrt()
        slope = -along * inverse * inverse if weight is None else -along * inverse * inverse * weight
        offset = -level * inverse if weight is None else -level * inverse * weight
        plain, one = torch.zeros_like(mean), torch.ones_like(mean)
        to_x += torch.batch_norm(x, slope, offset - slope * mean, plain, one, False, 0.0, 0.0, False)
        return to_x, None if weight is None else to_weight, None if bias is None else to_bias, *none


def plainly(x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    """The same, in operations that can be differentiated as often as is wanted."""
    over = [d for d in range(x.ndim) if d != 1]
    shape = [-1 if d == 1 else 1 for d in range(x.ndim)]
    x = x.float()
    count = summed(torch.tensor(x.numel() / x.shape[1]))
    centred = x - (summed(x.sum(over)) / count).view(shape)
    out: Tensor = centred * (summed(centred.square().sum(over)) / count + eps).rsqrt().view(shape)
    out = out if weight is None else out * weight.view(shape)
    return out if bias is None else out + bias.view(shape)


def summed(part: Tensor) -> Tensor:
    whole: Tensor = Summed.apply(part)  # type: ignore[no-untyped-call]
    return whole


class Summed(torch.autograd.Function):
    """A sum over all shards. So is its gradient: what each shard made of the sum matters to all."""

    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        shard = HERE.shard
        assert shard is not None
        return torch.stack(shard.meet(part.detach().reshape(-1))).sum(0).view(part.shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return summed(gradient)
