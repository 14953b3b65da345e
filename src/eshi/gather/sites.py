"""The services a picture can come from: their ratings, their addresses, and what gallery-dl is told about each."""

import re
from dataclasses import dataclass
from typing import Any, Literal, get_args
from urllib.parse import quote, urlsplit

from eshi.ground.errors import EshiError, near_miss

Rating = Literal["safe", "sensitive", "questionable", "explicit", "any"]
Quality = Literal["preview", "sample", "original"]
RATINGS: tuple[Rating, ...] = get_args(Rating)  # each takes what stands before it, too
NO_PICTURES = {"mp4", "webm", "m4v", "mov", "mkv", "zip", "swf", "ugoira", "mp3", "ogg", "pdf", "txt", "htm", "html"}


@dataclass(frozen=True)
class Engine:
    """A family of services that share one program. `name` is what gallery-dl calls it."""

    name: str
    search: str  # the address of a search; {} takes the tags
    post: str  # the address of a post; {} takes its number
    ratings: dict[str, str]  # the service's word -> ours
    asks: dict[str, str]  # our rating -> tags that ask for it


# On Moebooru `s` is safe; on Danbooru it is sensitive (swimwear, underwear), and only `g` is safe.
ENGINES = {
    "moebooru": Engine(
        "moebooru",
        "/post?tags={}",
        "/post/show/{}",
        {"s": "safe", "q": "questionable", "e": "explicit"},
        {"safe": "rating:s", "sensitive": "rating:s", "questionable": "-rating:e"},
    ),
    "danbooru": Engine(
        "Danbooru",
        "/posts?tags={}",
        "/posts/{}",
        {"g": "safe", "s": "sensitive", "q": "questionable", "e": "explicit"},
        {"safe": "rating:g", "sensitive": "rating:g,s", "questionable": "rating:g,s,q"},
    ),
    "gelbooru_v02": Engine(
        "gelbooru_v02",
        "/index.php?page=post&s=list&tags={}",
        "/index.php?page=post&s=view&id={}",
        {"safe": "safe", "general": "safe", "questionable": "questionable", "explicit": "explicit"},
        {
            "safe": "-rating:questionable -rating:explicit",
            "sensitive": "-rating:questionable -rating:explicit",
            "questionable": "-rating:explicit",
        },
    ),
    "gelbooru": Engine(
        "gelbooru",
        "/index.php?page=post&s=list&tags={}",
        "/index.php?page=post&s=view&id={}",
        {"general": "safe", "sensitive": "sensitive", "questionable": "questionable", "explicit": "explicit"},
        {
            "safe": "rating:general",
            "sensitive": "-rating:questionable -rating:explicit",
            "questionable": "-rating:explicit",
        },
    ),
}
# Any other service: words that mean one thing everywhere. A lone `s` may be safe or sensitive: taken for the latter.
OTHER = {
    "g": "safe",
    "safe": "safe",
    "general": "safe",
    "s": "sensitive",
    "sensitive": "sensitive",
    "q": "questionable",
    "questionable": "questionable",
    "e": "explicit",
    "explicit": "explicit",
}
SITES = {
    "konachan": ("moebooru", "https://konachan.com"),
    "yandere": ("moebooru", "https://yande.re"),
    "safebooru": ("gelbooru_v02", "https://safebooru.org"),
    "danbooru-safe": ("danbooru", "https://safebooru.donmai.us"),
    "gelbooru": ("gelbooru", "https://gelbooru.com"),
}
# Where the file of a quality is found, first choice first. Danbooru's has one name: gallery-dl follows it as a link.
FILES = {"preview": ["preview_url", "sample_url", "file_url"], "sample": ["sample_url", "jpeg_url", "file_url"]}
DANBOORU_FILES = {"preview": "{preview_file_url}", "sample": "{large_file_url}"}


@dataclass(frozen=True)
class Source:
    label: str  # in messages
    url: str  # for gallery-dl
    root: str  # scheme and host
    engine: str  # a name in ENGINES, or "other"
    prefix: str  # before the site in names: two engines may share a host and port


def source(site: str, tags: str, rating: str) -> Source:
    """`konachan` and tags, `moebooru:http://host` and tags, or the whole address of a search, a pool, a post."""
    if site in SITES:
        engine, root = SITES[site]
        return Source(site, root + search(engine, tags, rating), root, engine, "")
    match = re.fullmatch(r"(?:(\w+):)?(https?://[^/?#]+)(.*)", site, re.IGNORECASE)
    if not match:
        raise EshiError(f"no site called '{site}'", f"a whole address (https://...) will do; {near_miss(site, SITES)}")
    word, root, path = match.groups()
    engine = (word or "").lower()
    if path.strip("/") and tags:
        raise EshiError(f"'{site}' says already what to collect", f"leave out '{tags}', or give the site's name alone")
    if engine in ENGINES and not path.strip("/"):
        path = search(engine, tags, rating)
    elif tags:
        raise EshiError(f"eshi does not know how to search {root}", "give the whole address of a search there")
    name = ENGINES[engine].name if engine in ENGINES else word
    known = engine if engine in ENGINES else "other"
    return Source(
        urlsplit(root).netloc,
        f"{name}:{root}{path}" if word else root + path,
        root,
        known,
        f"{engine}-" if word else "",
    )


def search(engine: str, tags: str, rating: str) -> str:
    asked = f"{tags} {ENGINES[engine].asks.get(rating, '')}".split()
    return ENGINES[engine].search.format(quote(" ".join(asked) or "all" * engine.startswith("gelbooru"), safe=""))


def rating_of(engine: str, raw: object) -> str:
    """Our word for a service's rating; "" for none, or for one nobody knows."""
    words = ENGINES[engine].ratings if engine in ENGINES else OTHER
    return words.get(str(raw).lower(), "")


def allowed(rating: str) -> set[str]:
    return set(RATINGS[: RATINGS.index(rating) + 1]) | ({""} if rating == "any" else set())


def post_url(post: dict[str, Any]) -> str:
    engine = ENGINES.get(post["engine"])
    if engine:
        return str(post["eshi"]["root"]) + engine.post.format(quote(str(post.get("id")), safe=""))
    return address(post.get("post_url")) or str(post["eshi"]["url"])


def address(value: object) -> str:
    """A web address that a service gave, safe to stand in a page or a line; "" for anything else."""
    if not (isinstance(value, str) and re.match(r"https?://", value, re.IGNORECASE)):
        return ""
    return "".join(c if c.isprintable() and c not in ' <>"`\\' else quote(c, errors="replace") for c in value)


def conditions(rating: str) -> list[str]:
    """What a post's metadata must say before its file is asked for, as gallery-dl's --filter expressions."""
    found = [
        f"extension.lower() not in {sorted(NO_PICTURES)!r}",
        "engine == 'other' or locals().get('file_url')",
        "locals().get('status') != 'deleted' and not locals().get('is_deleted') and not locals().get('is_banned')",
    ]
    if rating != "any":
        fine = allowed(rating)
        words = {name: sorted(w for w, ours in e.ratings.items() if ours in fine) for name, e in ENGINES.items()}
        other = sorted(word for word, ours in OTHER.items() if ours in fine)
        found.append(f"str(rating).lower() in {words!r}.get(engine, {other!r})")
    return found


def settings(
    place: Source, rating: str, quality: str, limit: int | None, pause: float, artists: bool
) -> dict[str, Any]:
    """gallery-dl's configuration, less where things go. What stands at the top outranks a user's own file."""
    wanted = conditions(rating)
    span = f"1-{limit}" if limit else None
    engines: dict[str, dict[str, Any]] = {
        engine.name: {
            "keywords": {"engine": name},
            "archive-format": "{category}/{id}",
            "filename": "{id}.{extension}",
            **({} if quality == "original" else {"url": FILES[quality]}),
            **({"tags": True} if artists else {}),
        }
        for name, engine in ENGINES.items()
    }
    # `external` shows the hidden posts too (those that name a source), so that they can be counted.
    engines["Danbooru"] |= {"external": True, "child-filter": "False"}
    if quality != "original":
        engines["Danbooru"] |= {
            "follow": DANBOORU_FILES[quality],
            "child-filter": wanted,
            "child-range": span,
            "parent-metadata": True,
            "parent-session": True,
        }
        wanted = [*wanted, "engine != 'danbooru' or 'domain' in locals()"]  # the link has a domain, the post has none
    engines["directlink"] = {"archive-format": "{category}/{id|filename}"}  # a followed post keeps its key
    modules = {"danbooru": ["danbooru", "directlink"]}.get(place.engine, [place.engine])
    return {
        "extractor": {
            "keywords": {"engine": "other"},
            "archive-format": "{category}/{id|tweet_id|post_id|filename}{num:?_//}",
            "filename": "{category}_{id|tweet_id|post_id|filename}{num:?_//}.{extension}",
            **engines,
            **({"modules": modules} if place.engine in ENGINES else {}),  # starts in a third of the time
        },
        "keywords-global": {"eshi": {"root": place.root, "url": place.url, "quality": quality}},  # for the notes
        "archive-prefix": place.prefix,
        "file-filter": wanted,
        "file-range": span,
        "metadata-url": "fetched_url",
        "part": False,  # what is given up is removed at once
        "downloader": {name: {"enabled": False} for name in ("text", "ytdl")},  # addresses other than the web's
        "retries": 5,
        "retry-codes": [421, 429],  # 5xx are retried anyway
        "sleep": pause,
        "sleep-request": pause,
        "sleep-retries": f"exp:2:0:120={2 * pause or 0.01}",  # gallery-dl stumbles over a plain 0 here
        "sleep-429": f"exp:2:0:600={30 * pause or 0.01}",
    }
