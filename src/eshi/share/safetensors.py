"""One file that every verb takes: the weights, and in its metadata the recipe, the scores and the credits."""

from pathlib import Path

from eshi.artist import Artist
from eshi.ground import files
from eshi.run import checkpoint, tensorfile
from eshi.share.facts import facts

SUFFIX = tensorfile.SUFFIX


def write(artist: Artist, out: Path, only_g: bool = False) -> str:
    """Of G what draws, its average where there is one; and D, which is asked for its taste, unless `only_g`."""
    weights = {"G": artist.G.state_dict(), "D": None if only_g or artist.D is None else artist.D.state_dict()}
    told = {"step": 0, "images": artist.images, "seconds": 0.0, "faces": "", "rollbacks": []}
    tensors, words = checkpoint.exporting(artist.recipe, weights | told | {"shared": facts(artist).as_dict()})
    with files.replacing(out) as file:
        tensorfile.write(file, tensors, words)
    return "G and D" if weights["D"] else "G alone"
