"""Collecting, cropping and cleaning: the verbs as jobs, with progress bars; what was stopped can be asked for again."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, cast

from eshi.gather.sites import RATINGS, SITES, Rating
from eshi.ground.errors import EshiError, near_miss
from eshi.ground.schema import Form, Range
from eshi.studio.ask import route
from eshi.studio.state import Studio
from eshi.verbs import gathering
from eshi.verbs.verb import Result

Many = Annotated[int, Range(1, 1_000_000)]
Whole = Annotated[int, Range(0)]
Rate = Annotated[str, Form("|".join(RATINGS), "a rating", f"one of: {', '.join(RATINGS)}")]


def errand(studio: Studio, what: str, at: str, call: Callable[[], Result]) -> Any:
    """A job that ends with the words of its verb, and with where its work lies."""
    studio.place.inside(at)
    return studio.jobs.add(what, "/work", lambda: {"said": call().text(), "at": at})


@route("GET", "/api/work")
def work(studio: Studio) -> Any:
    """what can be collected from, and which finders there are"""
    return {"sites": list(SITES), "finders": gathering.finders()}


@route("POST", "/api/work/paint")
def paint(studio: Studio, out: str, count: Annotated[int, Range(1, 100_000)] = 500, seed: Whole = 0) -> Any:
    """practice pictures, painted without data or network"""
    folder = studio.place.new(out)
    return errand(studio, f"painting {out}", out, partial(gathering.paint, folder, count=count, seed=seed))


@route("POST", "/api/work/collect")
def collect(studio: Studio, site: str, tags: str, out: str, limit: Many = 500, rating: Rate = "safe") -> Any:
    """pictures by tags from one of the known sites, politely; the only thing here that uses the internet"""
    if site not in SITES:
        raise EshiError(f"there is no site '{site}' here", f"others: eshi collect ADDRESS; {near_miss(site, SITES)}")
    folder = studio.place.new(out)
    call = partial(gathering.collect, site, tags, out=folder, limit=limit, rating=cast(Rating, rating))
    return errand(studio, f"collecting {tags or 'all'} from {site}", out, call)


@route("POST", "/api/work/crop")
def crop(
    studio: Studio, pictures: str, out: str, size: Annotated[int, Range(16, 1024)] = 128,
    margin: Annotated[float, Range(0, 3)] = 0.2, smallest: Annotated[int, Range(8, 2048)] = 48, finder: str = "net",
) -> Any:  # fmt: skip
    """the faces of a folder of pictures, cut out"""
    if finder not in gathering.finders():
        raise EshiError(f"there is no finder '{finder}'", near_miss(finder, gathering.finders()))
    source, folder = studio.place.existing(pictures), studio.place.new(out)
    call = partial(gathering.crop, source, out=folder, size=size, margin=margin, smallest=smallest, finder=finder)
    return errand(studio, f"cropping {pictures}", out, call)


@route("POST", "/api/work/clean")
def clean(
    studio: Studio, faces: str, near: Annotated[float, Range(0, 1)] = 0.18, blur: Annotated[float, Range(0, 3)] = 0.9,
    dark: Annotated[float, Range(0, 255)] = 75.0, flat: Annotated[float, Range(0, 128)] = 14.0,
    grey: Annotated[float, Range(0, 128)] | None = None, smallest: Annotated[int, Range(0, 4096)] | None = None,
    undo: bool = False,
) -> Any:  # fmt: skip
    """the machine's verdicts on a face set; a person's stay"""
    folder = studio.place.existing(faces)
    call = partial(
        gathering.clean, folder, near=near, blur=blur, dark=dark, flat=flat, grey=grey, smallest=smallest, undo=undo
    )
    return errand(studio, f"{'taking back' if undo else 'cleaning'} {faces}", faces, call)


@route("POST", "/api/work/look")
def look(studio: Studio, faces: str) -> Any:
    """measure a set, so that the wall knows hair colours, and write its report"""
    folder = studio.place.existing(faces)
    return errand(studio, f"looking through {faces}", faces, partial(gathering.faces, folder))
