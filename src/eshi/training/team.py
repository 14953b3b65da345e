"""Who learn from a batch together: threads, each from its shard with one core, perhaps in several processes.

OpenMP's threads wait for one another some hundred times a step and spin while they do: beside one busy program a step
took eighteen times as long (docs/LOG.md). These meet where they must (gradients, batch norm) and sleep.
"""

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from eshi.networks.contracts import Network
from eshi.networks.shard import Shard, norm_together
from eshi.training.losses import Terms
from eshi.training.ranks import Ranks

N = TypeVar("N", bound=Network)
Gradients = list[Tensor | None]


class Team:
    """`shards` are this process's, a thread each; as many of them run at a time as torch has threads here."""

    def __init__(self, count: int, batch: int, ranks: Ranks | None, device: torch.device):
        self.count, self.ranks, self.device = count, ranks, device
        here = count // ranks.size if ranks else count
        first = ranks.rank * here if ranks else 0
        self.barrier = threading.Barrier(here)
        self.cores = threading.Semaphore(min(here, torch.get_num_threads()))
        self.tables: list[list[Any]] = [[None] * here, [None] * here]  # in turns: a slow reader is not overtaken
        self.turns = [0] * here
        self.whole: list[Any] = []
        self.shards = [
            Shard.of(first + place, count, batch, device, partial(self.meet, place)) for place in range(here)
        ]
        self.pool = ThreadPoolExecutor(here, "shard")
        threads = torch.get_num_threads()
        list(self.pool.map(self.settle, range(here)))
        torch.set_num_threads(threads)  # what one thread sets is where the next ones begin

    def settle(self, place: int) -> None:
        """Once in each thread: no threads of OpenMP beside it."""
        torch.set_num_threads(1)
        torch.get_num_threads()  # settles it: asked later, a thread would first take over what another has set
        self.barrier.wait()

    def meet(self, place: int, brought: Tensor) -> list[Tensor]:
        """What every shard brought, in their order, once all are there."""
        return self.met(place, brought, lambda table: list(self.gathered(torch.stack(table))))

    def met(self, place: int, brought: Any, beyond: Callable[[list[Any]], list[Any]]) -> list[Any]:
        """The same of anything; `beyond` asks the other processes."""
        table = self.tables[self.turns[place] % 2]
        self.turns[place] += 1
        table[place] = brought
        self.wait()
        if not self.ranks:
            return list(table)
        if place == 0:
            self.whole = beyond(table)
        self.wait()
        return self.whole

    def gathered(self, mine: Tensor) -> Tensor:
        return self.ranks.gathered(mine) if self.ranks else mine

    def wait(self) -> None:
        """For the others, who may have this one's core meanwhile."""
        self.cores.release()
        try:
            self.barrier.wait()
        finally:
            self.cores.acquire()

    def learn(self, work: Callable[[int], Terms], seed: int) -> Terms:
        """One step by all. What went wrong in one shard ends it in all of them, and is raised here."""
        self.barrier.reset()
        self.turns = [0] * len(self.shards)
        done = [self.pool.submit(self.at_work, work, place, seed) for place in range(len(self.shards))]
        wait(done)
        errors = [error for one in done if (error := one.exception())]
        for error in sorted(errors, key=lambda error: isinstance(error, threading.BrokenBarrierError)):
            raise error
        parts = [one.result() for one in done]
        told = [
            shard.share * torch.stack([term.float() for term in part.values()])
            for shard, part in zip(self.shards, parts, strict=True)
        ]
        whole = self.gathered(torch.stack(told)).sum(0)
        if self.ranks:
            self.ranks.busy = False
        return dict(zip(parts[0], whole, strict=True))

    def at_work(self, work: Callable[[int], Terms], place: int, seed: int) -> Terms:
        with self.cores, self.abandoned(), self.shards[place].at_work(seed):
            return work(place)

    @contextmanager
    def abandoned(self) -> Iterator[None]:
        """Nobody waits for a shard that does not come."""
        try:
            yield
        except BaseException:
            self.barrier.abort()
            raise


def twin(network: N, first: bool) -> N:
    """The same weights in the same memory, with gradients of their own. What a network notes while it learns (the
    statistics of batch norm, the vectors of spectral norm) is the network's own in the first twin, a copy in others:
    all note the same."""
    noted = {id(value) for value in network.state_dict(keep_vars=True).values()}
    memo: dict[int, Any] = {id(p): nn.Parameter(p.detach(), p.requires_grad) for p in network.parameters()}
    shared = [b for b in network.buffers() if first or id(b) not in noted]
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

    def __init__(self, team: Team, place: int, optimizer: Any, twin: Network):
        self.team, self.place, self.optimizer = team, place, optimizer
        self.weights: list[Tensor] = optimizer.param_groups[0]["params"]
        self.twins = list(twin.parameters())
        self.mine = dealt([weight.numel() for weight in self.weights], len(team.shards))[place]

    def zero_grad(self, set_to_none: bool = True) -> None:
        for weight in self.twins:
            weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        everyones = self.team.met(self.place, [weight.grad for weight in self.twins], self.beyond)
        for at in self.mine:
            first, *others = (gradients[at] for gradients in everyones)
            for other in others if first is not None else ():
                first += other
            self.weights[at].grad = first
        part = copy.copy(self.optimizer)  # the same state, of fewer weights
        part.param_groups = [{**self.optimizer.param_groups[0], "params": [self.weights[at] for at in self.mine]}]
        part.step()
        self.team.wait()

    def beyond(self, table: list[Gradients]) -> list[Gradients]:
        """The gradients of the shards of all processes, in the order of the shards."""
        there = [place for place, gradient in enumerate(table[0]) if gradient is not None]
        whole = self.team.gathered(torch.stack([flat([g for g in of if g is not None]) for of in table]))
        found: list[Gradients] = []
        for row in whole:
            gradients: Gradients = [None] * len(self.twins)
            for place, part in zip(there, row.split([self.twins[place].numel() for place in there]), strict=True):
                like = self.twins[place]
                gradients[place] = part.as_strided(like.shape, like.stride(), part.storage_offset())
            found.append(gradients)
        return found


def flat(gradients: Sequence[Tensor]) -> Tensor:
    """As they lie in memory."""
    return torch.cat([gradient.as_strided((gradient.numel(),), (1,)) for gradient in gradients])


def dealt(sizes: Sequence[int], count: int) -> list[list[int]]:
    """Places dealt out so that all have about as much: the largest first, to whom has least."""
    hands: list[list[int]] = [[] for _ in range(count)]
    held = [0] * count
    for place in sorted(range(len(sizes)), key=lambda place: -sizes[place]):
        least = held.index(min(held))
        hands[least].append(place)
        held[least] += sizes[place]
    return [sorted(hand) for hand in hands]
