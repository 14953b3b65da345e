"""What is made of a batch in a step: what each teacher minimises and what G does, at once or piece by piece."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eshi.networks.engine import Engine
from eshi.networks.labels import Told, asked, places, told
from eshi.networks.shard import HERE, Shard
from eshi.recipe import Recipe
from eshi.training.losses import Terms, total
from eshi.training.pupils import Pupils, Teacher


@dataclass
class Piece:
    """Faces of a batch, all or some of them, what is said of them, and what G draws beside them."""

    recipe: Recipe
    engine: Engine
    who: Pupils
    batch: Tensor
    words: Tensor | None
    part: Shard | None = None

    def draw(self) -> Tensor:
        with self.engine.autocast():
            fake: Tensor = self.who.G(asked(self.who.G, self.who.G.draw(len(self.batch)), self.words))
        return fake

    @torch.no_grad()
    def shown(self, teacher: Teacher) -> Tensor:
        """Real faces as this teacher looks at them."""
        if not teacher.frozen_part:
            real: Tensor = teacher.augment(self.batch)
            return real
        with self.engine.autocast():
            return teacher.see(self.batch)

    def seen(self, teacher: Teacher, fake: Tensor) -> Tensor | None:
        """What a part that never learns makes of a drawing: it serves D's turn and G's."""
        with self.engine.autocast():
            return teacher.see(fake) if teacher.frozen_part else None

    def d(self, teacher: Teacher, real: Tensor, fake: Tensor, seen: Tensor | None) -> Terms:
        """What D minimises."""
        with self.engine.autocast():
            drawn = teacher.augment(fake.detach()) if seen is None else seen.detach()
            judged = told(teacher.D.requires_grad_(True), self.words)
            terms: Terms = teacher.loss.d(judged, real, drawn)
            if isinstance(judged, Told) and self.recipe.labels:
                terms["words"] = judged.mistaken(list(places(self.recipe.labels.values).values()))
        return teacher.named(terms)

    def g(self, teacher: Teacher, real: Tensor, fake: Tensor, seen: Tensor | None) -> Terms:
        """What G minimises for this teacher. It needs no gradients of D's own weights."""
        with self.engine.autocast():
            drawn = teacher.augment(fake) if seen is None else seen
            terms = teacher.named(teacher.loss.g(told(teacher.D.requires_grad_(False), self.words), real, drawn))
        return {name: teacher.weight * term for name, term in terms.items()}


def at_once(piece: Piece, d_turn: bool, g_turn: bool) -> Terms:
    """One drawing serves all turns."""
    who, terms, aims = piece.who, Terms(), Terms()
    shown = [piece.shown(teacher) for teacher in who.teachers]
    with torch.set_grad_enabled(g_turn):
        fake = piece.draw()
    for teacher, real in zip(who.teachers, shown, strict=True):
        with torch.set_grad_enabled(g_turn):
            seen = piece.seen(teacher, fake)
        if d_turn:
            named = piece.d(teacher, real, fake, seen)
            terms |= named | teacher.named({"loss_d": descend(teacher.opt, named)})
        if g_turn:
            aims |= piece.g(teacher, real, fake, seen)
    if g_turn:
        terms |= aims | {"loss_g": descend(who.opt_G, aims)}
    return {name: term.detach() for name, term in terms.items()}


def in_parts(pieces: list[Piece], seed: int, d_turn: bool, g_turn: bool) -> Terms:
    """The same piece by piece, so that no more than one lies in memory: gradients add up until an optimizer steps. Each
    is drawn anew for every turn, from the same latents, and batch norm knows a piece alone."""
    who, terms = pieces[0].who, Terms()
    for teacher in who.teachers if d_turn else ():

        def d(piece: Piece, teacher: Teacher = teacher) -> Terms:
            with torch.no_grad():
                fake = piece.draw()
                seen = piece.seen(teacher, fake)
            return piece.d(teacher, piece.shown(teacher), fake, seen)

        terms |= gathered(teacher.opt, pieces, seed, d, f"{teacher.name}loss_d")

    def g(piece: Piece) -> Terms:
        fake, aims = piece.draw(), Terms()
        for teacher in who.teachers:
            aims |= piece.g(teacher, piece.shown(teacher), fake, piece.seen(teacher, fake))
        return aims

    return terms | gathered(who.opt_G, pieces, seed, g, "loss_g") if g_turn else terms


def gathered(optimizer: Any, pieces: list[Piece], seed: int, aim: Callable[[Piece], Terms], called: str) -> Terms:
    """A step of an optimizer along what all pieces want; the means of their terms."""
    found: list[Terms] = []
    optimizer.zero_grad(set_to_none=True)
    for piece in pieces:
        assert piece.part
        with piece.part.at_work(seed):
            terms = aim(piece)
            loss = total(terms)
            share = piece.part.share
            (loss * share).backward()  # type: ignore[no-untyped-call]
        found.append({name: share * term.detach() for name, term in (terms | {called: loss}).items()})
    optimizer.step()
    return {name: torch.stack([terms[name] for terms in found]).sum(0) for name in found[0]}


def parts(recipe: Recipe, engine: Engine) -> list[Shard]:
    """The rows of each piece, and its share in what the whole batch draws at random."""
    count = recipe.engine.parts
    return [Shard.of(number, count, recipe.batch, engine.device, lambda mine: [mine]) for number in range(count)]


def descend(optimizer: Any, terms: Terms) -> Tensor:
    loss = total(terms)
    optimizer.zero_grad(set_to_none=True)
    (loss * HERE.shard.share if HERE.shard else loss).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.detach()
