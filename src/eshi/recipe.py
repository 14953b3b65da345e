"""The whole experiment as one strict YAML file: loading, overriding, comparing.

The sections `generator`, `discriminator`, `loss` and `augment` hold a part's name and its constructor's arguments; the
registries check them. The rest is this dataclass: its fields are the keys, and each says itself what it may be and
whether a run may go on with another value.
"""

import dataclasses
import re
import shlex
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from eshi.ground import notation
from eshi.ground.errors import EshiError, near_miss
from eshi.ground.registry import AUGMENTATIONS, DISCRIMINATORS, GENERATORS, LOSSES, SOURCE, source
from eshi.ground.schema import Form, Range, Share, Weight, coerce, plain, show

SHIPPED = Path(__file__).parent / "recipes"
PARTS = {"generator": GENERATORS, "discriminator": DISCRIMINATORS, "loss": LOSSES, "augment": AUGMENTATIONS}
SIZED = ("generator", "discriminator")  # are given the size as well

FREE = "free to change"
T = TypeVar("T")
Free = Annotated[T, FREE]  # a run may go on with another value


Count = Annotated[int, Range(0, 10**12)]
Positive = Annotated[int, Range(1, 10**12)]
Beta = Annotated[float, Range(0, below=1)]
Side = Annotated[int, Range(6, 1024)]  # px
NAMED = "write letters, digits, spaces and . , ( ) + - _, for example name: mine"
Name = Annotated[str, Form(r"\w[\w .,()+-]{0,79}", "a name for a run", NAMED)]
LENGTHS = "for example 300, 400k, 2.5M, 20epochs, 30min or 1h30"
TIME = r"([0-9]{1,3}(?:\.[0-9]{1,3})?)h(?:([0-9]{1,2})(?:min)?)?|([0-9]{1,4}(?:\.[0-9])?)min|([0-9]{1,6})s"
COUNT = r"[0-9]{1,12}(\.[0-9]{1,9})?([kM]?|epochs?)"
Length = Annotated[str, Form(f"{COUNT}|(?=.*[1-9])(?:{TIME})", "a length", LENGTHS)]
WORD = r"[^\W\d][\w-]{0,39}"
Attribute = Annotated[str, Form(WORD, "an attribute", "for example hair, as eshi label names them")]
Value = Annotated[str, Form(f"{WORD}={WORD}", "an attribute's value", "for example hair=pink")]
Source = Annotated[str, Form(SOURCE, "the file or package of a plugin", "for example my.py")]


@dataclass
class Adam:
    lr: Weight = 2e-4
    beta1: Beta = 0.5
    beta2: Beta = 0.999


@dataclass
class Every:
    log: Free[Positive] = 2_000  # images between two lines of log.jsonl
    sample: Free[Count] = 20_000  # images between two sheets of the fixed latents; 0: only the first ones and the last
    save: Free[Weight] = 60.0  # seconds between two checkpoints


@dataclass
class Data:
    mirror: bool = False
    holdout: Beta = 0.05  # share of the faces that training never sees, for the judge


@dataclass
class Judge:
    every: Free[Count] = 20_000  # images between two judgements; 0: none
    drawings: Annotated[int, Range(20, 50_000)] = 500  # that each looks at; the FID of papers takes 50,000
    budget: Free[Share] = 0.05  # share of the training time that judging may take; 1: no limit


@dataclass
class Guard:
    action: Free[Literal["stop", "rollback", "warn"]] = "stop"  # when a run is dying
    patience: Free[Positive] = 2  # bad judgements in a row that are taken for dying
    times: Free[Count] = 3  # rollbacks, before it stops


@dataclass
class Engine:
    device: Free[Literal["auto", "cpu", "cuda", "mps", "xpu"]] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # part of what is learned: bf16 rounds otherwise
    shards: Literal["auto"] | Annotated[int, Range(1, 64)] = "auto"  # of a batch, a core each: see docs/speed.md
    parts: Annotated[int, Range(1, 1024)] = 1  # of a batch that does not fit into memory, one after another
    graphs: Free[bool] = True  # NVIDIA GPUs: a step is recorded and played back


@dataclass
class Second:
    """Another teacher of G beside the first: what it looks with, and what it asks for."""

    discriminator: dict = field(default_factory=lambda: {"name": "frozen"})
    loss: dict = field(default_factory=lambda: {"name": "hinge"})
    augment: dict = field(default_factory=lambda: {"name": "diff"})
    adam: Adam = field(default_factory=lambda: Adam(5e-4, 0.0, 0.99))
    weight: Weight = 1.0  # of its word in what G minimises; the first teacher's has 1


@dataclass
class Labels:
    """What can be asked of a drawing, learned from the labels of the faces. Of few faces they fade in, as labels from
    the start on make a small set collapse (Shahbazi et al. 2022, arXiv:2201.06578); and they are kept back by chance,
    so that nothing need be asked."""

    use: list[Attribute] = field(default_factory=list)
    # from when till when: shares of the length, or images if above 1; auto is by how many faces have labels
    fade: Literal["auto"] | tuple[Weight, Weight] = "auto"
    drop: Share = 0.2  # of the faces are shown without any word, and of the other words, too
    sure: Share = 0.5  # the certainty from which on a label counts
    fewest: Positive = 20  # faces of a value that stands for itself; rarer ones become one
    values: list[Value] = field(default_factory=list)  # what a run found when it began
    shares: list[Share] = field(default_factory=list)  # of the faces that have each, as it found then

    @property
    def chances(self) -> list[float]:
        """How likely a drawing shows each value that is not asked for: never, where a run of before kept no shares."""
        return self.shares if len(self.shares) == len(self.values) else [0.0] * len(self.values)

    def learned(self, images: float) -> bool:
        """Is every word said by then? A fade is in images when its run has begun."""
        return self.fade == "auto" or images >= self.fade[1]


@dataclass
class Recipe:
    name: Free[Name] = "unnamed"
    about: Free[str] = ""
    size: Side | tuple[Side, Side] = 64  # px; or [width, height]
    images: Free[Length] = "1M"  # the length: 300, 400k, 2.5M or 20epochs
    begin: Free[Literal["nothing", "painted"]] = "nothing"  # whose weights a new run begins with, unless --from says
    batch: Annotated[int, Range(1, 65_536)] = 128
    seed: Annotated[int, Range(0)] = 0
    d_every: Positive = 1  # D steps every so many batches
    g_every: Positive = 1
    steady: Count = 0  # images at G's whole rate, which falls from then on (learn.rate); 0: it never falls
    ema: Weight = 0.0  # half-life in images of the average of G that draws; 0: G itself draws
    generator: dict = field(default_factory=lambda: {"name": "dcgan"})
    discriminator: dict = field(default_factory=lambda: {"name": "dcgan"})
    loss: dict = field(default_factory=lambda: {"name": "bce"})
    augment: dict = field(default_factory=lambda: {"name": "none"})
    second: Second | None = None
    labels: Labels | None = None
    g_adam: Adam = field(default_factory=Adam)
    d_adam: Adam = field(default_factory=Adam)
    data: Data = field(default_factory=Data)
    every: Every = field(default_factory=Every)
    judge: Judge = field(default_factory=Judge)
    guard: Guard = field(default_factory=Guard)
    engine: Engine = field(default_factory=Engine)
    plugins: Free[list[Source]] = field(default_factory=list)  # where parts came from that are not eshi's own

    @property
    def width_height(self) -> tuple[int, int]:
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    @property
    def seconds(self) -> float:
        """Of a length given in time; 0 for any other."""
        found = re.fullmatch(TIME, self.images)
        hours, more, minutes, seconds = (float(part or 0) for part in found.groups()) if found else (0.0,) * 4
        return 3600 * hours + 60 * (more + minutes) + seconds

    def length(self, epoch: int) -> int:
        """The number of images to train on, `epoch` being the size of the face set."""
        if self.seconds:
            raise EshiError(
                f"a length of {self.images} is not counted in images yet", "training does that at its start"
            )
        number, unit = re.fullmatch(r"([\d.]+)([kM]?|epochs?)", self.images).groups()  # type: ignore[union-attr]
        return int(float(number) * {"": 1, "k": 1_000, "M": 1_000_000}.get(unit, epoch))

    def as_dict(self) -> dict[str, Any]:
        return {key: plain(value, key, -1) for key, value in dataclasses.asdict(self).items()}  # a section deeper

    def yaml(self) -> str:
        return notation.write(self.as_dict())

    def check(self, parts: Iterable[str] = tuple(PARTS)) -> "Recipe":
        """The same recipe, once the parts themselves have been asked whether they take this; loads torch.

        Whoever only draws needs no loss: parts=SIZED. What came out names the plugins of the parts.
        """
        checked = parse(self.as_dict(), where=f"recipe {show(self.name)}")
        sources = set(self.plugins)
        teachers = [checked, checked.second] if checked.second and set(parts) == set(PARTS) else [checked]
        for part, spec in [(p, getattr(t, p)) for t in teachers for p in parts if hasattr(t, p)]:
            registry = PARTS[part]
            if self.plugins and spec["name"] not in registry.fill():
                raise missing(registry.noun, spec["name"], self.plugins)
            registry.check(spec, **({"size": checked.width_height} if part in SIZED else {}))
            sources.add(source(registry[spec["name"]]))
        return dataclasses.replace(checked, plugins=sorted(sources - {""}))


def missing(noun: str, name: str, plugins: Sequence[str]) -> EshiError:
    """It is code, and the recipe may be a stranger's: only the user can decide to run it."""
    files = [f"--plugin {shlex.quote(plugin)}" for plugin in plugins if plugin.endswith(".py")]
    what = f"this recipe needs the {noun} {show(name)}, which came from {' or '.join(plugins)}"
    return EshiError(what, f"if you trust that code: {' '.join(files) or 'install it, or register it first'}")


def load(source: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """A shipped recipe by name or a YAML file, with `a.b=c` overrides."""
    path = Path(source)
    if path.suffix.lower() not in (".yaml", ".yml"):
        if str(source) not in names():
            hint = "your own recipe is named by its file, which ends in .yaml; " + near_miss(str(source), names())
            raise EshiError(f"no recipe called '{source}'", hint)
        path = SHIPPED / f"{source}.yaml"
    try:
        if path.exists() and not path.is_file():
            raise EshiError(f"{path} is not a file", "a recipe is a page of YAML: eshi recipes demo shows one")
        with path.open("rb") as file:
            text = file.read(notation.LONGEST + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise EshiError(f"cannot read recipe {path}: {why}", "see: eshi recipes") from error
    values = notation.read(text, str(path))
    if not isinstance(values, dict):
        raise EshiError(f"{path}: a recipe is a mapping of keys to values", "eshi recipes dcgan-64 shows one")
    return parse({"name": path.stem} | values, overrides, f"recipe {source}")


def parse(values: Any, overrides: Sequence[str] = (), where: str = "recipe") -> Recipe:
    """A recipe from plain values, as they stand in YAML or in a checkpoint."""
    if not isinstance(values, dict):
        raise EshiError(f"{where}: {show(values)} is not a mapping of keys to values", "eshi recipes demo shows one")
    recipe: Recipe = build(Recipe, overridden(values, overrides), where)
    return recipe


def overridden(values: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """`values` with every `a.b=c` set. Their order does not matter: what a section or a name clears, they do not."""
    values = {k: dict(v) if isinstance(v, dict) else v for k, v in values.items()}
    sets: dict[str, Any] = {}
    for text in overrides:
        key, equals, value = text.partition("=")
        text = brief(text)
        if not equals or not all(key.strip().split(".")):
            raise EshiError(f"--set {text}: that is not KEY=VALUE", "for example --set batch=64 --set g_adam.lr=1e-4")
        sets[key.strip()] = notation.read(value, f"--set {text}") if value.strip() else ""
    for key in sorted(sets, key=lambda key: (key.count("."), not key.endswith(".name"))):
        *section, option = key.split(".")
        inside, value = values, sets[key]
        for name in section:
            if inside.get(name) is None:  # what is not written down stands at its default
                usual = getattr(Second() if inside is not values else Recipe(), name, None)
                inside[name] = dict(usual) if name in PARTS and isinstance(usual, dict) else {}
            if not isinstance(inside[name], dict):
                what = f"--set {brief(key)}: {show(name)} is a single value"
                raise EshiError(what, f"set it whole: --set {brief('.'.join(section))}=...")
            inside[name] = dict(inside[name])
            inside = inside[name]
        if section and section[-1] in PARTS and option == "name" and inside.get("name") != value:
            inside.clear()  # another part: the options of the old one are not its own
        inside[option] = value
    return values


def build(kind: Any, values: Any, where: str, section: str = "") -> Any:
    """A dataclass from a mapping, strictly: unknown keys and wrong types are errors."""
    hints, ready = typing.get_type_hints(kind, include_extras=True), {}
    if not isinstance(values, dict):
        raise EshiError(f"{where}: {section}: {show(values)} is not a mapping", f"its keys: {', '.join(hints)}")
    for key, value in values.items():
        if key not in hints:
            word = key[:60] if isinstance(key, str) else show(key)
            raise EshiError(f"{where}: unknown key {show(f'{section}.{word}'.strip('.'))}", near_miss(word, hints))
        name = f"{section}.{key}" if section else key
        if (inner := section_of(hints[key])) and not (value is None and inner is not hints[key]):
            ready[key] = build(inner, value, where, name)
            continue
        if key in PARTS and not (isinstance(value, dict) and isinstance(value.get("name"), str)):
            hint = f"for example {key}: {{name: {getattr(Recipe(), key)['name']}}}"
            raise EshiError(f"{where}: {name}: {show(value)} is not a part with a name", hint)
        ready[key] = coerce(value, hints[key], f"{where}: {name}")
    return kind(**ready)


def section_of(hint: Any) -> Any:
    """The dataclass that a key holds, perhaps, as in `Second | None`."""
    kinds = (hint, *typing.get_args(hint))
    return next((kind for kind in kinds if isinstance(kind, type) and dataclasses.is_dataclass(kind)), None)


def names() -> list[str]:
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def shipped() -> dict[str, str]:
    """Name -> its first line, of the recipes in the package."""
    return {name: load(name).about.split("\n")[0] for name in names()}


def differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    """`key: old -> new` for everything that differs."""
    found = []
    for key in sorted({*old, *new}):
        a, b = old.get(key), new.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            found += differences(a, b, f"{prefix}{key}.")
        elif a != b:
            found.append(f"{prefix}{key}: {brief(a)} -> {brief(b)}")
    return found


def brief(value: Any) -> str:
    """As it stands, if that is short and plain."""
    if value is None:
        return "not given"
    return value if isinstance(value, str) and value.isprintable() and len(value) <= 60 else show(value)


def refused(old: Recipe, new: Recipe) -> list[str]:
    """`key: old -> new` for what a run cannot go on with: every change but those of fields marked Free."""
    return differences(fixed(old), fixed(new))


def fixed(part: Any) -> dict[str, Any]:
    """The values that a run keeps for life."""
    found = {}
    for key, hint in typing.get_type_hints(type(part), include_extras=True).items():
        if FREE not in getattr(hint, "__metadata__", ()):
            value = getattr(part, key)
            found[key] = fixed(value) if dataclasses.is_dataclass(value) else plain(value, key, -1)
    return found
