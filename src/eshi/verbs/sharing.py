"""What leaves the house and what comes in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from eshi.ground.errors import EshiError
from eshi.verbs.gallery import Run
from eshi.verbs.verb import About, settings, verb


def targets() -> list[str]:
    from eshi.share.export import targets

    return targets()


@dataclass
class Exported:
    """`said` is what was checked or left out on the way; `credits` where the artists are named, if they are known."""

    out: Path
    said: str
    credits: str

    def text(self) -> str:
        size = f", {self.out.stat().st_size / 1e6:,.1f} MB" if self.out.is_file() else ""
        return "\n".join(filter(None, [f"{self.out}{size}", self.said and f"  {self.said}", f"  {self.credits}"]))


@verb("share", "eshi export runs/first --to safetensors")
def export(
    run: Run,
    *,
    to: Annotated[str, About("safetensors, onnx, pytorch, hub or page", metavar="TARGET", suggest=targets)],
    out: Annotated[Path | str | None, About("the file, or hub's folder", "RUN/shared/...", "-o --out", "PATH")] = None,
    half: Annotated[bool, About("onnx: weights of 16 bits, half the file")] = False,
    only_g: Annotated[bool, About("safetensors, pytorch, hub: leave D at home", flag="--only-g")] = False,
    push: Annotated[str | None, About("hub: upload it under this name", metavar="OWNER/NAME")] = None,
    set: Annotated[
        Sequence[str] | Mapping[str, object],
        About("any other option of the target", metavar="KEY=VALUE", many=True),
    ] = (),
) -> Exported:
    """hand a trained run on: one file for eshi, for other programs, for a hub, or a page that draws by itself"""
    from eshi.ground import notation
    from eshi.share.export import export

    options: dict[str, Any] = {"half": half, "only_g": only_g, "push": push}
    options = {key: value for key, value in options.items() if value}
    for text in settings(set):
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise EshiError(f"--set {text[:60]}: that is not KEY=VALUE", "for example --set bits=8")
        options[key] = notation.read(value, f"--set {key}")
    found = export(run, to, out, options)
    return Exported(found.out, found.said, found.credits)


@dataclass
class Imported:
    """`parts` says of G and D which layout they have, or that they are not in the file."""

    run: Path
    parts: list[str]
    draws: bool

    def text(self) -> str:
        draw, ask = f"eshi draw {self.run}", f"eshi look {self.run} --on FACES"
        lines = [f"imported: {self.run}", *(f"  {part}" for part in self.parts)]
        return "\n".join([*lines, f"  next  {draw if self.draws else ask}"])


@verb("share", "eshi import netG_epoch_24.pth -o runs/theirs")
def import_(
    file: Annotated[Path | str, About("a checkpoint: .pt, .pth, .safetensors, or an .onnx of eshi's")],
    *,
    out: Annotated[Path | str | None, About("the run folder", "runs/NAME", "-o --out", "RUN")] = None,
    prior: Annotated[
        Literal["normal", "uniform", "symmetric"] | None,
        About("where the latents come from: [0, 1] is uniform, [-1, 1] symmetric", "what fits the batch norms best"),
    ] = None,
) -> Imported:
    """make a run of a checkpoint from elsewhere: the usual DCGAN layouts, or what eshi exported"""
    from eshi.share.intake import take_in

    found = take_in(file, out, prior or "")
    return Imported(found.run, found.parts, not found.parts[0].startswith("G: none"))
