"""Makes the generator that comes with eshi from a run on painted faces, and finds its directions.

eshi paint pictures --count 16000 && eshi crop pictures -o faces --size 64 && eshi clean faces && eshi label faces
eshi train faces -r eshi-64 -o run --images 290k --from nothing --labels hair,eyes,glasses,style,mouth
eshi paint labelled --count 3000 --faces 64 && eshi label labelled
python tools/painted.py run labelled "15,829 faces, cut by eshi crop from 16,000 pictures of eshi paint (seed 0)"
"""

import sys

import numpy as np

from eshi.artist import Artist
from eshi.explore import by_labels, directions
from eshi.explore.directions import save
from eshi.ground import files
from eshi.run import checkpoint, shipped, tensorfile
from eshi.share.facts import facts

LARGEST = 5_000_000  # bytes
FAR = 2  # levels of 255 that 16 bits may change a pixel by
DRAWN = range(500)


def main(run: str, labelled: str, learned_from: str) -> None:
    whole = Artist.load(run)
    told = {"step": 0, "images": whole.images, "seconds": 0.0, "faces": "", "rollbacks": []}
    told |= {"shared": {"scores": facts(whole).scores, "credits": f"Learned from {learned_from}."}}
    weights = {"G": shipped.halved(whole.G.state_dict()), "D": None}
    with files.replacing(shipped.WEIGHTS) as file:
        tensorfile.write(file, *checkpoint.exporting(whole.recipe, weights | told))
    own, size = Artist.load(shipped.NAME), shipped.WEIGHTS.stat().st_size
    before, after = (who.render(who.latents(DRAWN)).astype(int) for who in (whole, own))
    far = int(np.abs(before - after).max())
    print(f"{shipped.WEIGHTS}: {size / 1e6:.2f} MB, {own.images:,} images, {own.shared['scores']}")
    print(f"{len(DRAWN)} drawings differ from the run's by at most {far} of 255 levels")
    assert size <= LARGEST, f"{size:,} bytes are more than {LARGEST:,}"
    assert far <= FAR, f"{far} levels are more than {FAR}"
    found = directions(own, keep=False, labels=by_labels(labelled, own.recipe.width_height))
    save(found, shipped.DIRECTIONS)
    print(f"{shipped.DIRECTIONS}: {', '.join(found.names)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
