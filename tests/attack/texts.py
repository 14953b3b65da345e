"""What a run keeps in words and numbers, damaged: logs, favourites, latents, directions, its stored recipe."""

import functools
import io
import json
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from attack.arena import Arena
from attack.case import Case

RESUME = ("train", "faces", "-r", "tiny.yaml", "-o", "run", "--images", "72")


def cases(chance: random.Random) -> Iterator[Case]:
    for name, change in LOGS.items():
        yield Case("logs", name, logged(change), short=name in ("rows-list", "images-word"))
    for i in range(30):
        yield Case("logs", f"random-{i}", logged(scrambled(chance.random())))


def named(chance: random.Random) -> Iterator[Case]:
    for i, (name, text) in enumerate(FAVOURITES.items()):
        yield Case("favourites", name, favoured(text, i), short=name == "nested")
    for i in range(20):
        yield Case("favourites", f"random-{i}", favoured(spoiled(chance.random()), i))


def latents(chance: random.Random) -> Iterator[Case]:
    for i, (name, make) in enumerate(ARRAYS.items()):
        yield Case("latents", name, pointed(make, i), short=name in ("pickle", "huge"))
    for i in range(16):
        yield Case(
            "latents", f"flip-{i}", pointed(functools.partial(flipped, npy(np.zeros(8, "f4")), chance.random()), i)
        )
    for name, make in DIRECTIONS.items():
        yield Case("latents", f"directions-{name}", directed(make))
    for i in range(10):
        yield Case("latents", f"directions-flip-{i}", directed(None, chance.random()))


# ---- logs: what the report survives, a resume survives too


def logged(change: Callable[[list[str]], bytes]) -> Callable[[Arena], None]:
    def attack(arena: Arena) -> None:
        arena.copy("run", "tiny.yaml")
        arena.copy("faces", packed=True)
        arena.remember()
        file = arena.world / "run" / "log.jsonl"
        file.write_bytes(change(file.read_text().splitlines()))
        arena.guard("faces")
        arena.eshi("runs", ".", ok=[0])
        arena.eshi("report", "run", ok=[0])
        took = arena.eshi(*RESUME, ok=[0, 1])
        arena.check(took.code == 0 or "guard" in took.err, f"an odd log stopped the training: {took.err[-200:]!r}")
        page = (arena.world / "run" / "report.html").read_text(errors="replace")
        arena.check("<script>alert" not in page, "a script of the log's runs in the report")

    return attack


def row(**facts: Any) -> Callable[[list[str]], bytes]:
    """Every row says so too."""
    return lambda lines: "".join(json.dumps(json.loads(line) | facts) + "\n" for line in lines).encode()


def more(*lines: str | bytes) -> Callable[[list[str]], bytes]:
    extra = b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines)
    return lambda old: "".join(f"{line}\n" for line in old).encode() + extra


def scrambled(seed: float) -> Callable[[list[str]], bytes]:
    def change(lines: list[str]) -> bytes:
        chance, odd = random.Random(seed), (None, "x", -1, 1e308, [], {}, True, "<script>alert(1)</script>", 10**25)
        rows = [json.loads(line) for line in lines]
        for _ in range(chance.choice((1, 5, 40))):
            one = chance.choice(rows)
            if one:
                key = chance.choice(list(one))
                one.pop(key) if chance.random() < 0.3 else one.update({key: chance.choice(odd)})
        if chance.random() < 0.3:
            chance.shuffle(rows)
        return "".join(json.dumps(one) + "\n" for one in rows).encode()

    return change


LOGS: dict[str, Callable[[list[str]], bytes]] = {
    "empty": lambda lines: b"",
    "blank": lambda lines: b"\n\n\n",
    "binary": lambda lines: bytes(range(256)) * 20,
    "cut": lambda lines: "\n".join(lines).encode()[:-40],
    "no-newline": lambda lines: "\n".join(lines).encode(),
    "latin": more(b'{"images": 8, "why": "\xe9\xff"}'),
    "nul": more(b'{"images": 8}\0\0\0\0'),
    "utf16": lambda lines: "\n".join(lines).encode("utf-16"),
    "rows-list": more("[1, 2]", "3", '"x"', "null", "true"),
    "deep": more("[" * 100_000),
    "deep-map": more('{"a":' * 5000 + "1" + "}" * 5000),
    "long": more('{"images": 8, "x": "' + "y" * 5_000_000 + '"}'),
    "number": more('{"images": ' + "9" * 5000 + "}"),
    "nan": more('{"images": NaN}', '{"images": Infinity}', '{"images": 8, "loss_d": NaN}'),
    "images-word": more('{"images": "many"}'),
    "images-none": more('{"images": null}'),
    "images-list": more('{"images": [8]}'),
    "images-negative": more('{"images": -8, "loss_d": 1}'),
    "images-float": more('{"images": 8.5}'),
    "images-large": more('{"images": 1e300}'),
    "twice": lambda lines: "".join(f"{x}\n" for x in lines * 2).encode(),
    "backwards": lambda lines: "".join(f"{x}\n" for x in reversed(lines)).encode(),
    "event-list": more('{"images": 8, "event": []}'),
    "event-other": more('{"images": 8, "event": "exploded"}'),
    "started-none": more('{"images": 8, "event": "started"}'),
    "stopped-bare": more('{"images": 8, "event": "stopped"}', '{"images": 8, "event": "started"}'),
    "rolled-bare": more('{"images": 8, "event": "rolled back"}'),
    "finished-bare": more('{"event": "finished"}'),
    "ranked-none": more('{"images": 8, "ranked_by": "fd_lite0"}'),
    "ranked-word": more('{"images": 8, "ranked_by": "fd_lite0", "fd_lite0": "low"}'),
    "ranked-nan": more('{"images": 8, "ranked_by": "fd_lite0", "fd_lite0": NaN}'),
    "ranked-other": more('{"images": 8, "ranked_by": "fd_other", "fd_other": 3}'),
    "ranked-self": more('{"images": 8, "ranked_by": "images"}'),
    "ranked-number": more('{"images": 8, "ranked_by": 7}'),
    "state-number": more('{"images": 8, "state": 7}'),
    "keys": more('{"": 1, " ": 2, "images": 8}'),
    "script": row(why="<script>alert(1)</script>", state="<script>alert(1)</script>"),
    "escape": row(state="\x1b[31mred", why="\x07"),
    "no-images": lambda lines: "".join(
        json.dumps({k: v for k, v in json.loads(x).items() if k != "images"}) + "\n" for x in lines
    ).encode(),
    "judge-seconds": row(judge_seconds="long"),
    "judge-seconds-none": row(judge_seconds=None),
    "length": row(length="far"),
    "faces": row(faces=7),
    "seconds": row(seconds="x"),
    "all-none": lambda lines: "".join(json.dumps(dict.fromkeys(json.loads(x))) + "\n" for x in lines).encode(),
    "surrogate": more('{"images": 8, "why": "\\ud800"}'),
    "content": row(content=None),
    "crlf": lambda lines: "\r\n".join(lines).encode(),
}


# ---- favourites


def favoured(text: str | bytes, number: int) -> Callable[[Arena], None]:
    def attack(arena: Arena) -> None:
        arena.copy("run")
        file = arena.world / "run" / "favourites.json"
        file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        before = file.read_bytes()
        arena.eshi("favourites", "run")
        asking = (
            ("mix", "run", "miku + 1", "-o", "x.png"),
            ("walk", "run", "--seeds", "miku,1", "--frames", "3", "-o", "x.gif"),
            ("sweep", "run", "--seed", "miku", "--dims", "1", "--steps", "2", "-o", "x.png"),
        )
        arena.eshi(*asking[number % 3])
        took = arena.eshi("favourites", "run", "add", "3", "--name", "rin")
        arena.check(
            took.code == 0 or file.read_bytes() == before, "a favourites file that was refused was written over"
        )
        if took.code == 0:
            arena.check("rin" in json.loads(file.read_text()), "the new favourite is not there")

    return attack


def spoiled(seed: float) -> bytes:
    chance, good = random.Random(seed), bytearray(b'{"miku": 7, "rin": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]}')
    for _ in range(chance.choice((1, 3, 9))):
        good[chance.randrange(len(good))] = chance.choice(b'{}[]",:0e-.\\\x00\xff')
    return bytes(good)


FAVOURITES: dict[str, str | bytes] = {
    "empty": "",
    "binary": bytes(range(256)),
    "list": "[]",
    "word": '"x"',
    "number": "7",
    "null": "null",
    "cut": '{"miku": 7',
    "none": '{"miku": null}',
    "text": '{"miku": "seven"}',
    "bool": '{"miku": true}',
    "negative": '{"miku": -3}',
    "float": '{"miku": 7.5}',
    "nan": '{"miku": NaN}',
    "inf": '{"miku": [Infinity]}',
    "big": '{"miku": ' + "9" * 400 + "}",
    "bigger": '{"miku": ' + "9" * 5000 + "}",
    "short": '{"miku": [1, 2]}',
    "long": json.dumps({"miku": [0.5] * 9000}),
    "words": '{"miku": ["a","b"]}',
    "mixed": '{"miku": [1,"b",null,1,1,1,1,1]}',
    "nested": '{"miku": [[1,2],[3,4]]}',
    "ragged": '{"miku": [[1,2],[3]]}',
    "map": '{"miku": {"seed": 7}}',
    "deep": '{"miku": ' + "[" * 60_000,
    "deep-closed": '{"miku": ' + "[" * 900 + "1" + "]" * 900 + "}",
    "twice": '{"miku": 7, "miku": 8}',
    "name-odd": '{"\\u001b[31m": 7, "miku": 7}',
    "name-empty": '{"": 7}',
    "name-space": '{"a b": 7, "miku": 1}',
    "name-script": '{"<script>": 7}',
    "name-surrogate": '{"\\ud800": 7, "miku": 1}',
    "latin": b'{"\xe9": 7}',
    "bom": "\ufeff{}",
    "nul": b'{"miku": 7}\0',
    "many": json.dumps({f"n{i}": i for i in range(40_000)}),
    "huge-float": '{"miku": [1e39,1,1,1,1,1,1,1]}',
    "int64": '{"miku": 9223372036854775808}',
    "uint64": '{"miku": 18446744073709551616}',
    "zero": '{"miku": 0}',
    "mean": '{"mean": 7}',
    "digits": '{"7": 9, "miku": 3}',
}


# ---- latents and directions


def npy(array: np.ndarray, pickled: bool = False) -> bytes:
    memory = io.BytesIO()
    np.save(memory, array, allow_pickle=pickled)
    return memory.getvalue()


def headed(text: str, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + data


def flipped(content: bytes, seed: float) -> bytes:
    chance, out = random.Random(seed), bytearray(content)
    for _ in range(chance.choice((1, 3, 9))):
        out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)
    return bytes(out)


def pointed(make: Callable[[], bytes], number: int) -> Callable[[Arena], None]:
    def attack(arena: Arena) -> None:
        arena.copy("run")
        (arena.world / "a.npy").write_bytes(make())
        asking = (
            ("mix", "run", "a.npy", "-o", "x.png"),
            ("walk", "run", "--seeds", "a.npy,1", "--frames", "3", "-o", "x.gif"),
            ("favourites", "run", "add", "a.npy", "--name", "rin"),
        )
        arena.eshi(*asking[number % 3], seconds=30)

    return attack


class Starts:
    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.system, ('touch "$ATTACKED/STARTED"',)


ARRAYS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"hello",
    "pickle": lambda: npy(np.array([Starts()], object), True),
    "scalar": lambda: npy(np.float32(3)),
    "none": lambda: npy(np.zeros(0)),
    "short": lambda: npy(np.zeros(7)),
    "many": lambda: npy(np.zeros((9, 8))),
    "nan": lambda: npy(np.full(8, np.nan)),
    "large": lambda: npy(np.full(8, 1e300)),
    "words": lambda: npy(np.array(["a"] * 8)),
    "bools": lambda: npy(np.ones(8, bool)),
    "complex": lambda: npy(np.ones(8, complex)),
    "times": lambda: npy(np.zeros(8, "M8[s]")),
    "records": lambda: npy(np.zeros(8, [("a", "f4")])),
    "uint64": lambda: npy(np.full(8, 2**64 - 1, np.uint64)),
    "half": lambda: npy(np.ones(8, np.float16)),
    "longdouble": lambda: npy(np.ones(8, np.longdouble)),
    "swapped": lambda: npy(np.ones(8, ">f4")),
    "fortran": lambda: npy(np.asfortranarray(np.ones((2, 4)))),
    "cut": lambda: npy(np.ones(8))[:-5],
    "huge": lambda: headed("{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000,), }\n"),
    "huger": lambda: headed("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,), }\n"),
    "negative": lambda: headed("{'descr': '<f4', 'fortran_order': False, 'shape': (-8,), }\n", bytes(32)),
    "overflow": lambda: headed("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }\n"),
    "code": lambda: headed(
        "{'descr': __import__('os').system('touch $ATTACKED/STARTED'), 'fortran_order': False, 'shape': (8,)}\n"
    ),
    "deep": lambda: headed("(" * 30_000 + "\n"),
    "head-long": lambda: headed(" " * 65_000 + "\n"),
    "version": lambda: b"\x93NUMPY\x09\x00" + bytes(90),
    "head-none": lambda: b"\x93NUMPY",
    "object": lambda: headed("{'descr': '|O', 'fortran_order': False, 'shape': (8,), }\n", bytes(99)),
    "zip": lambda: b"PK\x03\x04" + bytes(99),
    "npz": lambda: npz(a=np.ones(8)),
    "dtype-deep": lambda: headed(
        "{'descr': " + "[('a'," * 500 + "'f4'" + ")]" * 500 + ", 'fortran_order': False, 'shape': (8,), }\n"
    ),
    "sparse": lambda: headed("{'descr': '<f4', 'fortran_order': False, 'shape': (8,), }\n", bytes(5_000_000)),
}


def npz(**arrays: np.ndarray) -> bytes:
    memory = io.BytesIO()
    np.savez(memory, **arrays)  # type: ignore[arg-type]
    return memory.getvalue()


def directed(make: Callable[[], bytes] | None, seed: float = 0.0) -> Callable[[Arena], None]:
    def attack(arena: Arena) -> None:
        arena.copy("run")
        file = arena.world / "run" / "directions.npz"
        file.write_bytes(make() if make else flipped(file.read_bytes(), seed))
        arena.eshi("edit", "run", "--set", "smile=+1", "--set", "hair=pink", "-o", "x.png", seconds=30)

    return attack


def bomb() -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        head = headed("{'descr': '<f4', 'fortran_order': False, 'shape': (500000000,), }\n")
        with archive.open("directions.npy", "w", force_zip64=True) as file:
            file.write(head)
            for _ in range(200):
                file.write(bytes(10_000_000))
    return memory.getvalue()


DIRECTIONS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"hello",
    "none": lambda: npz(),
    "other": lambda: npz(a=np.ones(3)),
    "npy": lambda: npy(np.ones(8)),
    "bomb": bomb,
    "pickle": lambda: npz(names=np.array([Starts()], object)),
    "cut": lambda: npz(a=np.ones(300))[:-30],
    "names": lambda: npz(names=np.array(["smile"]), directions=np.full((1, 8), np.nan)),
    "zip": lambda: b"PK\x05\x06" + bytes(18),
}
