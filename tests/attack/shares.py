"""What is handed from one to another: exports with other bytes in them, and strangers' checkpoints to import."""

import json
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from attack.arena import Arena
from attack.case import Case
from attack.checkpoints import FILES, flip

SUFFIXES = (".pt", ".safetensors", ".onnx")


def cases(chance: random.Random) -> Iterator[Case]:
    for i, (name, content) in enumerate(sorted(FILES.items())):
        yield Case("shares", f"import-{name}", imported(content, SUFFIXES[i % 3]), short=name == "torch-pickle")
        if i % 3:
            yield Case("shares", f"import-{name}-pt", imported(content, ".pt"))
    for i in range(24):
        to = ("safetensors", "onnx")[i % 2]
        yield Case("shares", f"flip-{to}-{i}", damaged(to, flip(chance.random())), short=i < 2)
    for part in (0, 1, 10, 50, 99):
        yield Case("shares", f"cut-{part}", damaged("safetensors", lambda c, p=part: c[: len(c) * p // 100]))
        yield Case("shares", f"cut-onnx-{part}", damaged("onnx", lambda c, p=part: c[: len(c) * p // 100]))
    for name, change in sorted(HEADERS.items()):
        yield Case("shares", f"header-{name}", damaged("safetensors", retold(change)), short=name == "huge")
    yield Case("shares", "names", marked)


def imported(make: Callable[[Path], bytes], suffix: str) -> Callable[[Arena], None]:
    def attack(arena: Arena) -> None:
        (arena.world / f"x{suffix}").write_bytes(make(arena.canary))
        arena.eshi("import", f"x{suffix}", "-o", "new", ok=[1, 2])
        arena.check(not (arena.world / "new").exists(), "a run was made of what is no checkpoint")

    return attack


def damaged(to: str, change: Callable[[bytes], bytes]) -> Callable[[Arena], None]:
    """Refused, or (where the bytes were words or the digits of a weight) drawn and taken in."""

    def attack(arena: Arena) -> None:
        arena.copy("run")
        file = arena.world / f"x.{to}"
        arena.eshi("export", "run", "--to", to, "-o", file.name, ok=[0])
        file.write_bytes(change(file.read_bytes()))
        if to == "safetensors":
            arena.eshi("draw", file.name, "--count", "2", "-o", "x.png")
        arena.eshi("import", file.name, "-o", "new")

    return attack


def retold(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    """The header says something else; the numbers stay."""

    def apply(content: bytes) -> bytes:
        (length,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8 : 8 + length])
        change(header)
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + content[8 + length :]

    return apply


def each(**values: Any) -> Callable[[dict[str, Any]], Any]:
    def change(header: dict[str, Any]) -> None:
        for name, entry in header.items():
            if name != "__metadata__":
                entry.update(values)

    return change


HEADERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "huge": each(shape=[2**40, 2**40]),
    "huge-offsets": each(data_offsets=[0, 2**60]),
    "same-place": each(data_offsets=[0, 64]),
    "empty": each(shape=[0], data_offsets=[0, 0]),
    "deep": each(shape=[1] * 1000),
    "words": each(shape=["1"]),
    "bool": each(dtype="BOOL"),
    "no-facts": lambda header: header.pop("__metadata__"),
    "odd-facts": lambda header: header["__metadata__"].update(eshi="[1]"),
    "deep-facts": lambda header: header["__metadata__"].update(eshi="[" * 50_000),
    "long-facts": lambda header: header["__metadata__"].update(eshi=" " * 20_000_000),
    "control": lambda header: header.update({"G.\x1b[31m": header.pop(next(n for n in header if n[0] == "G"))}),
}


def marked(arena: Arena) -> None:
    """Names that would be markup, in what a card and a terminal show."""
    arena.copy("run")
    evil = "<script>alert(1)</script>\x1b[31m"
    (arena.world / "run" / "CREDITS.md").write_text(evil)
    arena.eshi("export", "run", "--to", "hub", "-o", evil.replace("/", "|"))
    arena.eshi("export", "run", "--to", evil, ok=[2])
    arena.eshi("export", "run", "--to", "onnx", "--set", f"{evil}=1", ok=[2])
