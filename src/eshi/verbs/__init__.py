"""What a user can ask eshi to do: `VERBS`, by name, along the journey. A verb in a new file here is found by itself."""

import importlib
import pkgutil

from eshi.verbs.verb import GROUPS, VERBS

__all__ = ["VERBS"]

for module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{module.name}")
for name in sorted(VERBS, key=lambda name: GROUPS.index(VERBS[name].group)):  # stable: as they stand in their files
    VERBS[name] = VERBS.pop(name)
