"""What every case copies from, made by eshi itself: painted pictures and faces, a small recipe, a judged run."""

import random
from pathlib import Path

from attack.arena import Arena

RECIPE = """\
size: 32
batch: 8
images: '64'
seed: 3
ema: 50
generator: {name: dcgan, width: 4, latent: 8, init: default}
discriminator: {name: dcgan, width: 4, init: default}
every: {log: 16, sample: 32, save: 0.001}
judge: {every: 16, drawings: 20, budget: 1}
"""


STUCK = (
    "-r", "tiny.yaml", "-o", "stuck", "--set", "g_adam.lr=0", "--set", "judge.every=8", "--set",
    "guard.action=rollback", "--set", "guard.times=1", "--set", "every.sample=1000",
)  # fmt: skip


def make_base(home: Path) -> None:
    scene = Arena("base", home / "making", home, random.Random(0))
    scene.world.rmdir()
    scene.world = home / "base"
    scene.world.mkdir()
    (scene.world / "tiny.yaml").write_text(RECIPE)
    scene.eshi("paint", "faces", "--count", "40", "--faces", "48", ok=[0])
    scene.eshi("paint", "pictures", "--count", "10", ok=[0])
    scene.eshi("train", "faces", "-r", "tiny.yaml", "-o", "run", ok=[0])
    scene.eshi("train", "faces", *STUCK, "--images", "72", ok=[0])  # a little later it is rolled back
    scene.eshi("directions", "run", "--count", "100", ok=[0])
    scene.eshi("favourites", "run", "add", "7", "--name", "miku", ok=[0])
    scene.eshi("project", "run", "faces/" + face(scene.world), "--steps", "5", "--restarts", "1", ok=[0])
    if scene.faults:
        raise SystemExit("the base cannot be made:\n" + "\n".join(scene.faults))


def face(world: Path) -> str:
    """The first face's name."""
    return sorted(p.name for p in (world / "faces").glob("*.png"))[0]
