"""Recipes that say what no recipe should: an answer in two lines, at once, and nothing outside the run."""

import random
from collections.abc import Callable, Iterator

from attack.arena import Arena
from attack.case import Case

ODD = (".nan", ".inf", "-.inf", "-1", "0", "1e400", "9" * 5000, "[]", "{}", "null", "'x'", "true", "1e-400", "[1, [2]]")
KEYS = (
    "size", "images", "batch", "seed", "d_every", "g_every", "ema", "g_adam.lr", "g_adam.beta1", "d_adam.beta2",
    "data.holdout", "data.mirror", "every.log", "every.sample", "every.save", "judge.every", "judge.drawings",
    "judge.budget", "guard.patience", "guard.times", "guard.action", "engine.device", "engine.precision",
    "generator.width", "generator.latent", "generator.name", "generator", "discriminator.width", "loss.name", "loss.r1",
    "augment.name", "augment", "name", "about", "every", "loss",
)  # fmt: skip
TEXTS = {
    "empty": "",
    "list": "- 1\n- 2\n",
    "word": "dcgan",
    "number": "3",
    "null": "null\n",
    "open": "size: [64,\n",
    "tab": "size:\t64\n\tbatch: 3\n",
    "twice": "size: 32\nsize: 64\n",
    "binary": "\x00\x01\x02",
    "bom": "\ufeffsize: 32\n",
    "python": "!!python/object/apply:os.system ['touch STARTED']\n",
    "python-name": "size: !!python/name:os.system\n",
    "tagged": "size: !!set {1, 2}\n",
    "timestamp": "name: 2001-12-14t21:59:43.10-05:00\n",
    "anchor": "a: &a [*a]\n",
    "merge": "<<: {size: 32}\nbatch: 8\n",
    "octal": "batch: 0777777777777\n",
    "sexagesimal": "images: 190:20:30\n",
    "keys": "1: 2\n3: 4\n",
    "key-list": "? [1, 2]\n: 3\n",
    "key-null": "null: 3\n",
    "long-line": "about: " + "x" * 3_000_000,
    "documents": "size: 32\n---\nsize: 64\n",
    "escape": 'name: "a\\e[31mred"\n',
    "newline": 'name: "a\\nb"\n',
    "climb": "name: ../climbed\n",
    "root": "name: /tmp/climbed\n",
    "dots": "name: ..\n",
    "slash": "name: a/b/c\n",
    "none-name": "name: ''\n",
    "script": "about: <script>alert(1)</script>\n",
    "huge-name": "name: " + "n" * 5000 + "\n",
    "deep": "a: " + "[" * 3000 + "]" * 3000,
    "deep-map": "a: " + "{a: " * 2000 + "1" + "}" * 2000,
    "laughs": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(9)),
    "laughs-about": "x0: &x0 lol\n"
    + "".join(f"x{i}: &x{i} [{','.join([f'*x{i - 1}'] * 9)}]\n" for i in range(1, 9))
    + "about: *x8\n",
    "pairs": "size: [32, 0]\n",
    "size-three": "size: [32, 32, 32]\n",
    "size-odd": "size: 70\n",
    "size-1": "size: 1\n",
    "size-large": "size: 40000\n",
    "size-word": "size: large\n",
    "width": "generator: {name: dcgan, width: 100000}\n",
    "latent": "generator: {name: dcgan, latent: 2000000000}\n",
    "width0": "discriminator: {name: dcgan, width: 0}\n",
    "width-": "generator: {name: dcgan, width: -4}\n",
    "batch-large": "batch: 100000000\n",
    "ema": "ema: 1e300\n",
    "drawings": "judge: {every: 8, drawings: 1000000000, budget: 1}\n",
    "log0": "every: {log: 0}\n",
    "sample0": "every: {sample: 0}\n",
    "save-": "every: {save: -1}\n",
    "lr-": "g_adam: {lr: -1}\n",
    "lr": "g_adam: {lr: 1e9}\n",
    "beta": "g_adam: {beta1: 1.0}\n",
    "beta2": "d_adam: {beta2: 7}\n",
    "r1": "loss: {name: bce, r1: -5}\n",
    "r1-inf": "loss: {name: bce, r1: .inf}\n",
    "init": "generator: {name: dcgan, init: a/../b}\n",
    "seed": "seed: 1e30\n",
    "seed-": "seed: -1\n",
    "seed-large": f"seed: {2**70}\n",
    "images-dots": "images: 1.2.3k\n",
    "images0": "images: 0\n",
    "images-epochs": "images: 0.0001epochs\n",
    "images-large": "images: " + "9" * 400 + "M\n",
    "images-uni": "images: ٣٠٠\n",
    "images-list": "images: [300]\n",
    "holdout": "data: {holdout: 0.999999}\n",
    "patience": "guard: {patience: 1e18}\n",
}


def cases(chance: random.Random) -> Iterator[Case]:
    for name, text in TEXTS.items():
        yield Case("recipes", name, written(text), short=name in ("laughs", "climb", "log0", "python"))
    for key in KEYS:
        chosen = chance.sample(ODD, 4) if key not in ("every.log", "judge.drawings") else ODD[:8]
        yield Case("recipes", f"set-{key}", overridden(key, chosen), len(chosen), short=key == "every.log")


def written(text: str) -> Callable[[Arena], None]:
    def attack(arena: Arena) -> None:
        arena.copy("tiny.yaml")
        arena.few(22)
        (arena.world / "odd.yaml").write_text(text)
        arena.guard("faces", "odd.yaml")
        arena.eshi("recipes", "odd.yaml", seconds=20)
        small = ("--images", "16", "--set", "batch=8", "--set", "size=32", "--set", "generator.width=4")
        mine = [
            word for key, word in (("images", "--images"), ("batch", "batch=8"), ("size", "size=32")) if key in text
        ]
        drop = {"--images": {"--images", "16"}, "batch=8": {"batch=8"}, "size=32": {"size=32"}}
        words = [w for w in small if not any(w in drop[m] for m in mine)]
        words = [w for i, w in enumerate(words) if w != "--set" or (i + 1 < len(words) and "=" in words[i + 1])]
        if "width" in text or "generator" in text:
            words = [w for w in words if w != "generator.width=4"]
            words = words[:-1] if words and words[-1] == "--set" else words
        tried(arena, "train", "faces", "-r", "odd.yaml", *words)

    return attack


def tried(arena: Arena, *words: str) -> None:
    """Refused, or begun inside `runs/`; nothing is packed for a recipe that is refused afterwards."""
    before = {p.name for p in arena.world.iterdir()} | {"runs"}
    took = arena.eshi(*words, seconds=40)
    new = {p.name for p in arena.world.iterdir()} - before
    arena.check(not new, f"written outside runs/: {new}")
    if took.code == 2 and "usable training images" not in took.err:  # how many are held out shows only in the pack
        packs = [p.parent.name for p in (arena.world / "faces").glob(".eshi/*/images.npy")]
        arena.check(not packs, f"packed {packs} and only then refused")
    arena.eshi("runs", "runs")


def overridden(key: str, values: list[str] | tuple[str, ...]) -> Callable[[Arena], None]:
    def attack(arena: Arena) -> None:
        arena.copy("tiny.yaml", "faces")
        arena.guard("faces", "tiny.yaml")
        for i, value in enumerate(values):
            arena.eshi("recipes", "tiny.yaml", "--set", f"{key}={value}", seconds=20)
            arena.eshi(
                "train", "faces", "-r", "tiny.yaml", "-o", f"out{i}", "--images", "16", "--set", f"{key}={value}",
                seconds=40,
            )  # fmt: skip

    return attack
