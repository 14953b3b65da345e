"""The whole experiment as one strict YAML file: loading, overriding, comparing.

The sections `generator`, `discriminator`, `loss` and `augment` hold a part's name and its constructor's arguments; the
registries check them. The rest is this dataclass: its fields are the keys.
"""

import dataclasses
import operator
import re
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml

from eshi.ground.errors import EshiError, near_miss
from eshi.ground.registry import AUGMENTATIONS, DISCRIMINATORS, GENERATORS, LOSSES, coerce

SHIPPED = Path(__file__).parent / "recipes"
FREE = "free to change"
T = TypeVar("T")
Free = Annotated[T, FREE]  # a run may go on with another value


@dataclass
class Adam:
    lr: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999


@dataclass
class Every:
    log: Free[int] = 2_000  # images between two lines of log.jsonl
    sample: Free[int] = 20_000  # images between two sheets of the fixed latents
    save: Free[float] = 60.0  # seconds between two checkpoints


@dataclass
class Data:
    mirror: bool = False
    holdout: float = 0.05  # share of the faces that training never sees, for the judge


@dataclass
class Judge:
    every: Free[int] = 20_000  # images between two judgements; 0: none
    drawings: int = 500  # that each looks at
    budget: Free[float] = 0.05  # share of the training time that judging may take; 1: no limit


@dataclass
class Guard:
    action: Free[typing.Literal["stop", "rollback", "warn"]] = "stop"  # when a run is dying
    patience: Free[int] = 2  # bad judgements in a row that are taken for dying
    times: Free[int] = 3  # rollbacks, before it stops


@dataclass
class Engine:
    device: Free[typing.Literal["auto", "cpu", "cuda", "mps"]] = "auto"
    precision: typing.Literal["auto", "fp32", "bf16"] = "auto"


@dataclass
class Recipe:
    name: Free[str] = ""
    about: Free[str] = ""
    size: int | tuple[int, int] = 64  # px; or [width, height]
    images: Free[str] = "1M"  # the length: 300, 400k, 2.5M or 20epochs
    batch: int = 128
    seed: int = 0
    d_every: int = 1  # D steps every so many batches
    g_every: int = 1
    ema: float = 0.0  # half-life in images of the average of G that draws; 0: G itself draws
    generator: dict = field(default_factory=lambda: {"name": "dcgan"})
    discriminator: dict = field(default_factory=lambda: {"name": "dcgan"})
    loss: dict = field(default_factory=lambda: {"name": "bce"})
    augment: dict = field(default_factory=lambda: {"name": "none"})
    g_adam: Adam = field(default_factory=Adam)
    d_adam: Adam = field(default_factory=Adam)
    data: Data = field(default_factory=Data)
    every: Every = field(default_factory=Every)
    judge: Judge = field(default_factory=Judge)
    guard: Guard = field(default_factory=Guard)
    engine: Engine = field(default_factory=Engine)

    @property
    def width_height(self) -> tuple[int, int]:
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    def length(self, epoch: int) -> int:
        """The number of images to train on, `epoch` being the size of the face set."""
        number, unit = re.fullmatch(r"([\d.]+)([kM]?|epochs?)", self.images).groups()  # type: ignore[union-attr]
        return int(float(number) * {"": 1, "k": 1_000, "M": 1_000_000}.get(unit, epoch))

    def as_dict(self) -> dict[str, Any]:
        values: dict[str, Any] = plain(dataclasses.asdict(self))
        return values

    def yaml(self) -> str:
        return yaml.safe_dump(self.as_dict(), sort_keys=False, allow_unicode=True)

    def check(self) -> "Recipe":
        """Also what only the parts themselves know; loads torch."""
        GENERATORS.check(self.generator, ("size",))
        DISCRIMINATORS.check(self.discriminator, ("size",))
        LOSSES.check(self.loss)
        AUGMENTATIONS.check(self.augment)
        return self


def load(source: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """A shipped recipe by name or a YAML file, with `a.b=c` overrides."""
    path = Path(source)
    if path.suffix not in (".yaml", ".yml"):
        if str(source) not in shipped():
            hint = near_miss(str(source), shipped()) + "; your own recipe: give its file, which ends in .yaml"
            raise EshiError(f"no recipe called '{source}'", hint)
        path = SHIPPED / f"{source}.yaml"
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EshiError(f"cannot read recipe {path}: {error.strerror}", "see: eshi recipes") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        at = getattr(error, "problem_mark", None)
        where = f"{path}, line {at.line + 1}" if at else str(path)
        problem = getattr(error, "problem", None) or "not text"
        raise EshiError(f"{where}: this is not YAML: {problem}", "eshi recipes dcgan-64 shows how one looks") from error
    if not isinstance(values, dict):
        raise EshiError(f"{path}: a recipe is a mapping of keys to values", "eshi recipes dcgan-64 shows one")
    return parse({"name": path.stem} | values, overrides, f"recipe {source}")


def parse(values: dict[str, Any], overrides: Sequence[str] = (), where: str = "recipe") -> Recipe:
    """A recipe from plain values, as they stand in YAML or in a checkpoint."""
    values = {k: dict(v) if isinstance(v, dict) else v for k, v in values.items()}
    for text in overrides:
        key, equals, value = text.partition("=")
        section, dot, option = key.strip().rpartition(".")
        if not equals or not option:
            raise EshiError(f"--set {text}: that is no a.b=c", "for example: --set batch=64 --set g_adam.lr=1e-4")
        inside = values.setdefault(section, {}) if dot else values
        if not isinstance(inside, dict):
            raise EshiError(f"--set {text}: '{section}' has no parts", f"try --set {section}=...")
        if option == "name" and inside.get("name") != value and section:
            inside.clear()  # another part: the old one's options are not its own
        inside[option] = yaml.safe_load(value)
    recipe: Recipe = build(Recipe, values, where)
    if not re.fullmatch(r"\d+(\.\d+)?([kM]?|epochs?)", recipe.images):
        raise EshiError(f"{where}: images: '{recipe.images}' is no length", "for example 300, 400k, 2.5M or 20epochs")
    least = {"batch": 1, "d_every": 1, "g_every": 1, "ema": 0, "seed": 0, "guard.patience": 1, "guard.times": 0}
    for key, lowest in (least | {"judge.every": 0, "judge.drawings": 20}).items():
        value = operator.attrgetter(key)(recipe)
        if value < lowest:
            raise EshiError(f"{where}: {key}: {value} is below {lowest}", f"try --set {key}={lowest}")
    for key, share in (("data.holdout", recipe.data.holdout), ("judge.budget", recipe.judge.budget)):
        if not 0 <= share <= 1 or (share == 1 and key == "data.holdout"):
            raise EshiError(f"{where}: {key}: {share} is not a share", f"try --set {key}=0.05")
    return recipe


def build(kind: Any, values: Any, where: str) -> Any:
    """A dataclass from a mapping, strictly: unknown keys and wrong types are errors."""
    if not isinstance(values, dict):
        raise EshiError(f"{where}: {values!r} is not a mapping", f"its keys: {', '.join(typing.get_type_hints(kind))}")
    hints, ready = typing.get_type_hints(kind), {}
    for key, value in values.items():
        if key not in hints:
            raise EshiError(f"{where}: unknown key '{key}'", near_miss(str(key), hints))
        if dataclasses.is_dataclass(hints[key]):
            ready[key] = build(hints[key], value, f"{where}: {key}")
        else:
            value = str(value) if key in ("images", "name") else value  # PyYAML reads 300 as a number
            ready[key] = coerce(value, hints[key], f"{where}: {key}")
    return kind(**ready)


def shipped() -> dict[str, str]:
    """Name -> its first line, of the recipes in the package."""
    return {p.stem: load(p).about.split("\n")[0] for p in sorted(SHIPPED.glob("*.yaml"))}


def differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    """`key: old -> new` for everything that differs."""
    found = []
    for key in sorted({*old, *new}):
        a, b = old.get(key), new.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            found += differences(a, b, f"{prefix}{key}.")
        elif a != b:
            found.append(f"{prefix}{key}: {a} -> {b}")
    return found


def refused(old: Recipe, new: Recipe) -> list[str]:
    """`key: old -> new` for what a run cannot go on with: every change but those of fields marked Free."""
    return differences(fixed(old), fixed(new))


def fixed(part: Any) -> dict[str, Any]:
    """The values that a run keeps for life."""
    found = {}
    for key, hint in typing.get_type_hints(type(part), include_extras=True).items():
        if FREE not in getattr(hint, "__metadata__", ()):
            value = getattr(part, key)
            found[key] = fixed(value) if dataclasses.is_dataclass(value) else plain(value)
    return found


def plain(value: Any) -> Any:
    """Tuples as lists, so that YAML, JSON and a checkpoint say the same."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value
