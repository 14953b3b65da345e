"""Verbs that train and draw."""

from pathlib import Path

from eshi.cli.command import Arguments, Parser, Verb, show, verb


@verb
def demo(parser: Parser) -> Verb:
    """paint, train and draw in a few minutes, from nothing"""
    parser.add_argument("-o", "--out", type=Path, default=Path("demo"), help="the folder it all goes to (demo)")
    parser.add_argument("--images", default=None, help="train on so many images (the recipe's length)")

    def run(a: Arguments) -> None:
        from eshi.verbs.demo import demo

        made = demo(a.out, a.images)
        show(a, made.text, faces=made.faces, run=made.run, sheet=made.sheet)

    return run


@verb
def recipes(parser: Parser) -> Verb:
    """list the shipped recipes, or show one"""
    parser.add_argument("recipe", nargs="?", help="a shipped recipe or a YAML file")
    add_set(parser)

    def run(a: Arguments) -> None:
        from eshi import recipe

        if a.recipe:
            found = recipe.load(a.recipe, a.set)
            if a.set or a.recipe not in recipe.names():  # eshi's own need no torch to be checked
                found = found.check()
            show(a, found.yaml().rstrip(), **found.as_dict())
        else:
            known = recipe.shipped()
            show(a, "\n".join(f"{name:<16}{about}" for name, about in known.items()), **known)

    return run


@verb
def train(parser: Parser) -> Verb:
    """train a recipe on faces; the same command again goes on"""
    parser.add_argument("faces", type=Path, help="a folder or zip of face images")
    parser.add_argument("-r", "--recipe", default=None, help="a shipped recipe or a YAML file (dcgan-64)")
    parser.add_argument("-o", "--out", type=Path, help="the run folder (runs/RECIPE-FACES)")
    parser.add_argument("--images", help="the length: 300, 400k, 2.5M or 20epochs; a longer one goes on")
    parser.add_argument("--seed", type=int, help="of weights, batches and latents (the recipe's)")
    add_set(parser)

    def run(a: Arguments) -> None:
        from eshi import recipe

        mine = a.out / "recipe.yaml" if a.out else None  # a run that stands there goes on with its own
        source = a.recipe or (mine if mine and mine.exists() else "dcgan-64")
        given = {"images": a.images, "seed": a.seed}
        sets = a.set + [f"{key}={value}" for key, value in given.items() if value is not None]
        chosen = recipe.load(source, sets)  # its typos show before torch is loaded

        from eshi.run.folder import sheets
        from eshi.training.loop import train

        folder = train(a.faces, chosen, a.out, images=a.images)
        sheet = sheets(folder)[-1]
        text = f"trained: {folder}\n  last sheet  {sheet}\n  next        eshi draw {folder}"
        show(a, text, run=folder, sheet=sheet)

    return run


@verb
def draw(parser: Parser) -> Verb:
    """draw faces with a trained run or a checkpoint"""
    parser.add_argument("run", type=Path, help="a run folder or a checkpoint file")
    parser.add_argument("--count", type=int, default=64, help="how many (64)")
    parser.add_argument("--seed", type=int, default=0, help="the number of the first face (0)")
    parser.add_argument("--search", type=int, default=0, metavar="N", help="draw N and keep the best by D")
    parser.add_argument("--mean", type=float, default=0.0, help="added to the latents (0)")
    parser.add_argument("--std", type=float, default=1.0, help="scales the latents; less is tamer (1)")
    parser.add_argument("-o", "--out", type=Path, help="the sheet (RUN/drawn/...png)")
    parser.add_argument("--single", type=Path, metavar="DIR", help="single files, named by number, instead of a sheet")

    def run(a: Arguments) -> None:
        from eshi.artist import draw
        from eshi.ground import image

        drawing = draw(a.run, a.count, a.seed, a.search, a.mean, a.std)
        if a.single:
            for number, face in zip(drawing.numbers, drawing.images, strict=True):
                image.save(face, a.single / f"{number:06}.png")
            where = a.single
        else:
            home = a.run if a.run.is_dir() else a.run.parent
            options = {"from": a.search, "mean": a.mean, "std": a.std if a.std != 1 else 0}
            name = f"{a.count}-seed{a.seed}" + "".join(f"-{key}{value:g}" for key, value in options.items() if value)
            where = image.save(image.sheet(drawing.images), a.out or home / "drawn" / f"{name}.png")
        show(a, f"{len(drawing.numbers)} faces in {where}", out=where, numbers=drawing.numbers, scores=drawing.scores)

    return run


def add_set(parser: Parser) -> None:
    parser.add_argument("--set", action="append", default=[], metavar="a.b=c", help="override a key of the recipe")
