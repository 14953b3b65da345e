"""Checkpoints from strangers and from failing disks: read without running anything, refused in words, or the same."""

import functools
import hashlib
import io
import os
import pickle
import random
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from attack.arena import Arena
from attack.case import Case

Change = Callable[[dict[str, Any]], Any]
DRAW = ("draw", "run", "--count", "4", "-o", "x.png")
RESUME = ("train", "faces", "-r", "tiny.yaml", "-o", "run", "--images", "72")


def cases(chance: random.Random) -> Iterator[Case]:
    for i in range(25):
        yield Case("checkpoints", f"flip-{i}", damaged(flip(chance.random()), i), short=i < 2)
    for part in (0, 1, 10, 50, 90, 99):
        yield Case("checkpoints", f"cut-{part}", damaged(lambda c, p=part: c[: len(c) * p // 100], part))
    for i, (name, change) in enumerate(sorted(CHANGES.items())):
        short = name in ("opt-shape", "nan", "no-format")
        if i % 3 == 1:
            yield Case("checkpoints", f"{name}-draw", changed(change, DRAW))
        yield Case("checkpoints", f"{name}-resume", changed(change, RESUME), short=short)
        other = (("judge", "run", "--count", "20"), ("runs", "."), ("report", "run"), ("sweep", "run", "-o", "y.png"))[
            i % 4
        ]
        if i % 3 == 0:
            yield Case("checkpoints", f"{name}-{other[0]}", changed(change, other))
    for i, (name, content) in enumerate(sorted(FILES.items())):
        words = (DRAW, RESUME)[i % 2]
        yield Case("checkpoints", f"file-{name}", replaced(content, words), short=name == "pickle")
    for i in range(30):
        yield Case(
            "checkpoints", f"random-{i}", changed(functools.partial(mangle, chance.random()), (DRAW, RESUME)[i % 2])
        )


def flip(seed: float) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        chance, out = random.Random(seed), bytearray(content)
        for _ in range(chance.choice((1, 1, 20))):
            out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)
        return bytes(out)

    return change


def drawn(arena: Arena) -> str:
    file = arena.world / "x.png"
    return hashlib.md5(file.read_bytes()).hexdigest() if file.exists() else ""


def damaged(change: Callable[[bytes], bytes], number: int) -> Callable[[Arena], None]:
    """Bytes of it are others: refused, or (where they meant nothing) just as good."""

    def attack(arena: Arena) -> None:
        arena.copy("run", "tiny.yaml")
        arena.copy("faces", packed=True)
        arena.remember()
        arena.eshi(*DRAW, ok=[0])
        before = drawn(arena)
        (arena.world / "x.png").unlink()
        for name in ("last.pt", "best.pt"):
            file = arena.world / "run" / name
            file.write_bytes(change(file.read_bytes()))
        arena.guard("faces")
        took = arena.eshi(*DRAW)
        arena.check(took.code != 0 or drawn(arena) == before, "drawn from a damaged checkpoint, without a word")
        if number % 3 == 0:
            arena.eshi(*RESUME)

    return attack


def changed(change: Change, words: tuple[str, ...]) -> Callable[[Arena], None]:
    """A well-formed file that says something else."""

    def attack(arena: Arena) -> None:
        import torch

        arena.copy("run", "tiny.yaml")
        arena.copy("faces", packed=True)
        arena.remember()
        state = torch.load(arena.world / "run" / "last.pt", map_location="cpu", weights_only=True)
        state.pop("checksum", None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            new = change(state)
        content = io.BytesIO()
        torch.save(state if new is None else new, content)
        for name in ("last.pt", "best.pt"):
            (arena.world / "run" / name).write_bytes(content.getvalue())
        arena.guard("faces")
        arena.eshi(*words)

    return attack


def replaced(make: Callable[[Path], bytes], words: tuple[str, ...]) -> Callable[[Arena], None]:
    def attack(arena: Arena) -> None:
        arena.copy("run", "tiny.yaml")
        arena.copy("faces", packed=True)
        content = make(arena.canary)
        for name in ("last.pt", "best.pt"):
            (arena.world / "run" / name).write_bytes(content)
        arena.eshi(*words, ok=[1, 2])

    return attack


def put(path: str, value: Any) -> Change:
    """`a.b` of the state becomes `value`; `...` takes it away."""

    def change(state: dict[str, Any]) -> None:
        *way, last = path.split(".")
        for key in way:
            state = state[key]
        if value is ...:
            state.pop(last, None)
        else:
            state[last] = value

    return change


def without_first(state: dict[str, Any]) -> None:
    state["G"].pop(next(iter(state["G"])))


def every_tensor(change: Callable[[Any], Any], parts: tuple[str, ...]) -> Change:
    import torch

    def walk(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return change(value)
        if isinstance(value, dict):
            return {k: walk(v) for k, v in value.items()}
        return [walk(v) for v in value] if isinstance(value, list) else value

    def apply(state: dict[str, Any]) -> None:
        for part in parts:
            if part in state:
                state[part] = walk(state[part])

    return apply


def mangle(seed: float, state: dict[str, Any]) -> Any:
    """One place, anywhere, becomes something else."""
    import torch

    chance, here = random.Random(seed), state
    odd = (
        None,
        "x",
        -1,
        2**70,
        float("nan"),
        [],
        {},
        torch.zeros(3),
        torch.zeros(2, 2, dtype=torch.int8),
        True,
        b"x",
        1.5,
    )
    while True:
        key = chance.choice(list(here))
        if isinstance(here[key], dict) and here[key] and chance.random() < 0.8:
            here = here[key]
            continue
        if chance.random() < 0.3:
            del here[key]
        else:
            here[key] = chance.choice(odd)
        return None


def shapes() -> dict[str, Change]:
    import torch

    nets = ("G", "D", "G_ema")
    return {
        "opt-shape": every_tensor(lambda t: t.new_zeros(3) if t.ndim else t, ("opt_D", "opt_G")),
        "opt-smaller": every_tensor(lambda t: t.flatten()[:1] if t.ndim else t, ("opt_D",)),
        "opt-larger": every_tensor(lambda t: t.new_zeros(*t.shape, 2) if t.ndim else t, ("opt_G",)),
        "opt-whole": every_tensor(lambda t: t.to(torch.int64), ("opt_D", "opt_G")),
        "opt-nan": every_tensor(lambda t: t * float("nan"), ("opt_D", "opt_G")),
        "opt-half": every_tensor(lambda t: t.half(), ("opt_D",)),
        "nan": every_tensor(lambda t: t * float("nan") if t.is_floating_point() else t, nets),
        "inf": every_tensor(lambda t: t + float("inf") if t.is_floating_point() else t, nets),
        "net-shape": every_tensor(lambda t: t.flatten(), nets),
        "net-whole": every_tensor(lambda t: t.to(torch.int32), nets),
        "net-complex": every_tensor(lambda t: t.to(torch.complex64), nets),
        "net-double": every_tensor(lambda t: t.double() if t.is_floating_point() else t, nets),
        "net-empty": every_tensor(lambda t: t.new_zeros(0), nets),
        "net-wide": every_tensor(lambda t: t.new_zeros(()).expand(t.shape) if t.ndim else t, nets),
        "net-sparse": every_tensor(lambda t: t.to_sparse() if t.ndim and t.is_floating_point() else t, nets),
        "net-huge-view": every_tensor(lambda t: t.new_zeros(1).expand(40_000, 40_000), nets),
        "net-meta": every_tensor(lambda t: t.to("meta"), ("G",)),
        "net-quant": every_tensor(
            lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8) if t.is_floating_point() else t, ("G",)
        ),
        "net-negative-zero": every_tensor(lambda t: -t * 0, nets),
        "net-fortran": every_tensor(lambda t: t.t().contiguous().t() if t.ndim == 2 else t, nets),
    }


KEYS = ("format", "eshi", "recipe", "G", "D", "G_ema", "opt_G", "opt_D", "step", "images", "seconds", "faces")
CHANGES: dict[str, Change] = {f"no-{key}": put(key, ...) for key in KEYS}
CHANGES |= {f"none-{key}": put(key, None) for key in KEYS}
CHANGES |= {f"word-{key}": put(key, "x\x1b[31m") for key in KEYS}
CHANGES |= {
    "list": lambda s: list(s),
    "number": lambda s: 3,
    "format-new": put("format", 99),
    "format-word": put("format", "new"),
    "images-": put("images", -8),
    "images-large": put("images", 10**30),
    "step-": put("step", -5),
    "step-nan": put("step", float("nan")),
    "step-odd": put("step", 3),
    "recipe-size": put("recipe.size", 64),
    "recipe-width": put("recipe.generator.width", 2**20),
    "recipe-latent": put("recipe.generator.latent", 2**31),
    "recipe-name": put("recipe.name", "../../climb"),
    "recipe-part": put("recipe.generator.name", "os.system"),
    "recipe-batch": put("recipe.batch", 10**9),
    "recipe-seed": put("recipe.seed", 2**80),
    "recipe-list": put("recipe.every", [1]),
    "recipe-size0": put("recipe.size", 0),
    "recipe-huge": put("recipe.size", 2**20),
    "recipe-prior": put("recipe.generator.prior", "x"),
    "groups": put("opt_D.param_groups", []),
    "groups-many": lambda s: s["opt_G"]["param_groups"].extend(s["opt_G"]["param_groups"] * 3),
    "opt-state": put("opt_D.state", {}),
    "opt-params": lambda s: s["opt_D"]["param_groups"][0].update(params=[99]),
    "opt-lr": lambda s: s["opt_D"]["param_groups"][0].update(lr=float("nan")),
    "opt-lr-word": lambda s: s["opt_D"]["param_groups"][0].update(lr="fast"),
    "opt-betas": lambda s: s["opt_G"]["param_groups"][0].update(betas=(2.0,)),
    "net-more": lambda s: s["G"].update(extra=s["G"][next(iter(s["G"]))]),
    "net-name": lambda s: s["G"].update({"\x1b[2J": 3}),
    "net-first-gone": without_first,
    "net-number": lambda s: s["G"].update({next(iter(s["G"])): 3}),
}
CHANGES |= {
    name: (lambda s, n=name: shapes()[n](s))
    for name in (
        "opt-shape",
        "opt-smaller",
        "opt-larger",
        "opt-whole",
        "opt-nan",
        "opt-half",
        "nan",
        "inf",
        "net-shape",
        "net-whole",
        "net-complex",
        "net-double",
        "net-empty",
        "net-wide",
        "net-sparse",
        "net-huge-view",
        "net-meta",
        "net-quant",
        "net-negative-zero",
        "net-fortran",
    )
}


class Starts:
    """Runs a command where it is unpickled."""

    def __init__(self, command: str):
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


def zipped(data: bytes, more: dict[str, bytes] | None = None) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/version", "3\n")
        for name, part in (more or {}).items():
            archive.writestr(f"archive/{name}", part, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def saved_evil(canary: Path) -> bytes:
    import torch

    content = io.BytesIO()
    torch.save({"recipe": {}, "G": Starts(f"touch {canary}")}, content)
    return content.getvalue()


def scripted(canary: Path) -> bytes:
    import torch

    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), content)
    return content.getvalue()


def declared(canary: Path) -> bytes:
    """A tensor of 4 GB whose bytes are one deflated zero after the other."""
    import torch

    content = io.BytesIO()
    torch.save({"recipe": {}, "G": {"w": torch.zeros(1)}, "format": 1}, content)
    out = io.BytesIO()
    with zipfile.ZipFile(content) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            part = old.read(info)
            if info.filename.endswith("data/0"):
                with new.open(info.filename, "w", force_zip64=True) as file:
                    for _ in range(400):
                        file.write(bytes(10_000_000))
                continue
            if info.filename.endswith("data.pkl"):
                part = part.replace(b"K\x01t", b"J\x00\x28\x6b\xeet", 1)
            new.writestr(info.filename, part)
    return out.getvalue()


FILES: dict[str, Callable[[Path], bytes]] = {
    "pickle": lambda c: pickle.dumps(Starts(f"touch {c}")),
    "pickle-state": lambda c: pickle.dumps({"recipe": {}, "G": Starts(f"touch {c}")}),
    "zip-pickle": lambda c: zipped(pickle.dumps(Starts(f"touch {c}"))),
    "torch-pickle": saved_evil,
    "script": scripted,
    "declared": declared,
    "empty": lambda c: b"",
    "zeros": lambda c: bytes(100_000),
    "text": lambda c: b"hello\n" * 99,
    "zip-empty": lambda c: b"PK\x05\x06" + bytes(18),
    "zip-other": lambda c: zipped(b"", {"a.txt": b"x"}),
    "zip-bomb": lambda c: zipped(b"\x80\x02}q\x00.", {"data/0": bytes(300_000_000)}),
    "deep": lambda c: zipped(b"\x80\x02" + b"](" * 100_000 + b"e" * 100_000 + b"."),
    "deep-list": lambda c: zipped(b"\x80\x02" + b"]" * 60_000 + b"a" * 59_999 + b"."),
    "memo": lambda c: zipped(b"\x80\x02]r\xff\xff\xff\x7f."),
    "long": lambda c: zipped(b"\x80\x02\x8b\xff\xff\xff\x7f" + bytes(99) + b"."),
    "string": lambda c: zipped(b"\x80\x04\x8d" + (2**40).to_bytes(8, "little") + b"x."),
    "global": lambda c: zipped(b"\x80\x02cposix\nsystem\nX\x05\0\0\0touch\x85R."),
    "builtin": lambda c: zipped(b"\x80\x02c__builtin__\neval\nX\x01\0\0\x001\x85R."),
    "persistent": lambda c: zipped(b"\x80\x02X\x01\0\0\0aQ."),
    "stop": lambda c: zipped(b"."),
    "legacy": lambda c: b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}q\x00.",
    "tar": lambda c: b"sys_info" + bytes(92) + b"0000644\0" + bytes(500),
    "png": lambda c: b"\x89PNG\r\n\x1a\n" + bytes(60),
    "yaml": lambda c: b"size: 32\n",
}
