"""A step recorded once on a GPU and played back: its kernels as one graph, with no Python between them.

Small networks leave a GPU waiting for the next kernel most of the time. What is recorded must depend on nothing but the
batch, the words, and what lies on the device: so the first time a step is made both ways, and they must agree.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from eshi.ground.progress import note
from eshi.training.losses import Terms

Work = Callable[[Tensor, Tensor | None], Terms]
WARM = 3  # steps of each kind before it is recorded: libraries settle which kernels they take
ALIKE = 0.02  # relative: bf16 rounds to 0.4 %, and sums are made in another order


class Recorder:
    """`state` is all that a step changes. `tape` records work: it returns how to play it, and where its results lie."""

    def __init__(self, state: Callable[[], list[Tensor]], tape: Callable[..., Any] | None = None):
        self.state, self.tape = state, tape or on_cuda
        self.forget()
        self.works = True

    def forget(self) -> None:
        """What a step changes has been exchanged: what was recorded would change what was there before."""
        self.made: Counter[Any] = Counter()
        self.records: dict[Any, Record] = {}

    def __call__(self, work: Work, batch: Tensor, words: Tensor | None, kind: Any, again: Callable[[], None]) -> Terms:
        """One step of this kind; `again` begins its random numbers anew."""
        kind = (kind, batch.shape, words is None)
        if kind in self.records:
            return self.records[kind].play(batch, words)
        self.made[kind] += 1
        if not self.works or self.made[kind] <= WARM:
            return apart(work, batch, words)
        before = [value.clone() for value in self.state()]
        plain = {name: term.clone() for name, term in apart(work, batch, words).items()}
        self.restore(before)
        again()
        try:
            record = Record(self.tape, work, batch, words)
            again()
            terms = record.play(batch, words)
            why = differing(plain, terms)
        except (RuntimeError, NotImplementedError) as error:
            why = str(error).strip().split("\n")[0]
        if not why:
            self.records[kind] = record
            return terms
        self.works = False
        note(f"a step cannot be recorded here, so each is made anew, which is slower: {why}")
        self.restore(before)
        again()
        return work(batch, words)

    @torch.no_grad()
    def restore(self, before: list[Tensor]) -> None:
        for value, its in zip(self.state(), before, strict=True):
            value.copy_(its)


class Record:
    def __init__(self, tape: Callable[..., Any], work: Work, batch: Tensor, words: Tensor | None):
        self.batch, self.words = batch.clone(), None if words is None else words.clone()
        self.replay, self.found = tape(lambda: work(self.batch, self.words))

    def play(self, batch: Tensor, words: Tensor | None) -> Terms:
        self.batch.copy_(batch)
        if self.words is not None and words is not None:
            self.words.copy_(words)
        self.replay()
        values = torch.stack([term.float() for term in self.found.values()])  # the next step overwrites them
        return dict(zip(self.found, values.unbind(), strict=True))


def differing(plain: Terms, played: Terms) -> str:
    """What came out otherwise; nothing if all is alike."""
    for name, term in plain.items():
        one, other = float(term), float(played[name])
        if not abs(one - other) <= ALIKE * max(1.0, abs(one)):
            return f"played back, {name} was {other:.4g} and not {one:.4g}"
    return ""


def on_cuda(work: Callable[[], Terms]) -> tuple[Callable[[], None], Terms]:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = work()
    return graph.replay, found


def apart(work: Work, batch: Tensor, words: Tensor | None) -> Terms:
    """Made on a stream of its own, as torch asks of steps before one that is recorded."""
    if batch.device.type != "cuda":
        return work(batch, words)
    mine = torch.cuda.current_stream()
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(mine)
    with torch.cuda.stream(side):
        terms = work(batch, words)
    mine.wait_stream(side)
    return terms
