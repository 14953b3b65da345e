"""The threads that learn from a batch together, each from its shard with one core.

OpenMP's threads wait for one another some hundred times a step and spin while they do: beside one busy program a step
took eighteen times as long (docs/LOG.md). These meet where they must (gradients, batch norm) and sleep.
"""

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from eshi.networks.contracts import Network
from eshi.networks.shard import HERE, Shard, norm_together
from eshi.training.losses import Terms

N = TypeVar("N", bound=Network)


class Team:
    """`shards`, a thread each; as many of them run at a time as torch has threads here."""

    def __init__(self, count: int, batch: int):
        self.count = count
        self.barrier = threading.Barrier(count)
        self.cores = threading.Semaphore(min(count, torch.get_num_threads()))
        self.tables: list[list[Any]] = [[None] * count, [None] * count]  # in turns: a slow reader is not overtaken
        self.turns = [0] * count
        self.shards = [self.shard(number, batch) for number in range(count)]
        self.pool = ThreadPoolExecutor(count, "shard")
        threads = torch.get_num_threads()
        list(self.pool.map(self.settle, range(count)))
        torch.set_num_threads(threads)  # what one thread sets is where the next ones begin

    def shard(self, number: int, batch: int) -> Shard:
        ends = [batch * end // self.count for end in (number, number + 1)]
        return Shard(
            number, self.count, slice(*ends), batch, lambda brought: self.meet(number, brought), torch.Generator(),
            torch.Generator(),
        )  # fmt: skip

    def settle(self, number: int) -> None:
        """Once in each thread: no threads of OpenMP beside it."""
        torch.set_num_threads(1)
        torch.get_num_threads()  # settles it: asked later, a thread would first take over what another has set
        self.barrier.wait()

    def meet(self, number: int, brought: Any) -> list[Any]:
        """What everyone brought, once all are there."""
        table = self.tables[self.turns[number] % 2]
        self.turns[number] += 1
        table[number] = brought
        self.wait()
        return list(table)

    def wait(self) -> None:
        """For the others, who may have this one's core meanwhile."""
        self.cores.release()
        try:
            self.barrier.wait()
        finally:
            self.cores.acquire()

    def learn(self, work: Callable[[Shard], Terms], seed: int) -> Terms:
        """One step by all. What went wrong in one shard ends it in all of them, and is raised here."""
        self.barrier.reset()
        self.turns = [0] * self.count
        done = [self.pool.submit(self.at_work, work, shard, seed) for shard in self.shards]
        wait(done)
        errors = [error for one in done if (error := one.exception())]
        for error in sorted(errors, key=lambda error: isinstance(error, threading.BrokenBarrierError)):
            raise error
        parts = [one.result() for one in done]
        shares = [shard.share for shard in self.shards]
        return {
            name: torch.stack([share * part[name] for share, part in zip(shares, parts, strict=True)]).sum(0)
            for name in parts[0]
        }

    def at_work(self, work: Callable[[Shard], Terms], shard: Shard, seed: int) -> Terms:
        shard.chance.manual_seed(seed)
        shard.own.manual_seed(seed + 1 + shard.number)
        with self.cores, self.abandoned():
            HERE.shard = shard
            try:
                return work(shard)
            finally:
                HERE.shard = None

    @contextmanager
    def abandoned(self) -> Iterator[None]:
        """Nobody waits for a shard that does not come."""
        try:
            yield
        except BaseException:
            self.barrier.abort()
            raise


def twin(network: N, shard: Shard) -> N:
    """The same weights in the same memory, with gradients of their own. What a network notes while it learns (the
    statistics of batch norm, the vectors of spectral norm) is the network's own in the first shard, a copy in others:
    all note the same."""
    noted = {id(value) for value in network.state_dict(keep_vars=True).values()}
    memo: dict[int, Any] = {id(p): nn.Parameter(p.detach(), p.requires_grad) for p in network.parameters()}
    shared = [b for b in network.buffers() if shard.number == 0 or id(b) not in noted]
    found = copy.deepcopy(network, memo | {id(buffer): buffer for buffer in shared})
    norm_together(found)
    return found


@torch.no_grad()
def noted(network: Network, twin: Network) -> None:
    """The twin notes what the network did: the weights may come from a checkpoint."""
    for mine, its in zip(twin.buffers(), network.buffers(), strict=True):
        if mine is not its:
            mine.copy_(its)


class Descent:
    """An optimizer as one shard sees it: each takes the sum of all gradients, and the step, for some of the weights."""

    def __init__(self, team: Team, shard: Shard, optimizer: Any, twin: Network):
        self.team, self.shard, self.optimizer = team, shard, optimizer
        self.weights: list[Tensor] = optimizer.param_groups[0]["params"]
        self.twins = list(twin.parameters())
        self.mine = dealt([weight.numel() for weight in self.weights], team.count)[shard.number]

    def zero_grad(self, set_to_none: bool = True) -> None:
        for weight in self.twins:
            weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        everyones = self.shard.meet([weight.grad for weight in self.twins])
        for place in self.mine:
            first, *others = (gradients[place] for gradients in everyones)
            for other in others if first is not None else ():
                first += other
            self.weights[place].grad = first
        part = copy.copy(self.optimizer)  # the same state, of fewer weights
        part.param_groups = [{**self.optimizer.param_groups[0], "params": [self.weights[place] for place in self.mine]}]
        part.step()
        self.team.wait()


def dealt(sizes: Sequence[int], count: int) -> list[list[int]]:
    """Places dealt out so that all have about as much: the largest first, to whom has least."""
    hands: list[list[int]] = [[] for _ in range(count)]
    held = [0] * count
    for place in sorted(range(len(sizes)), key=lambda place: -sizes[place]):
        least = held.index(min(held))
        hands[least].append(place)
        held[least] += sizes[place]
    return [sorted(hand) for hand in hands]
