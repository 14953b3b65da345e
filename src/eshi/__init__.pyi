# The public names and where they live: type checkers read this file, and so does __init__.py.
from eshi.artist import Artist as Artist
from eshi.artist import Drawing as Drawing
from eshi.artist import draw as draw
from eshi.explore import directions as directions
from eshi.explore import edit as edit
from eshi.explore import favourites as favourites
from eshi.explore import look as look
from eshi.explore import mix as mix
from eshi.explore import project as project
from eshi.explore import sweep as sweep
from eshi.explore import transfer as transfer
from eshi.explore import walk as walk
from eshi.gather.clean import clean as clean
from eshi.gather.collect import collect as collect
from eshi.gather.credits import credits as credits
from eshi.gather.crop import crop as crop
from eshi.gather.faceset import FaceSet as FaceSet
from eshi.gather.faceset import faceset as faceset
from eshi.gather.painter import paint as paint
from eshi.gather.survey import survey as survey
from eshi.ground.errors import EshiError as EshiError
from eshi.judging.compare import judge as judge
from eshi.pages import faces_report as faces_report
from eshi.pages import run_report as run_report
from eshi.recipe import Recipe as Recipe
from eshi.run.logbook import runs as runs
from eshi.training.loop import train as train
from eshi.verbs.demo import demo as demo

__version__: str
