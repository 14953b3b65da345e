"""The attack: eshi is killed, starved, lied to and fed what is broken; it must lose nothing, let nothing in, say why.

`make attack` runs all of it, `make attack ATTACK=--short` two minutes of it. docs/safety.md says what is promised.
"""

import os

# Before torch and numpy are loaded, once, for every command that is forked from here: another number of threads gives
# other bits, and two are far slower beside a busy program.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "GOMP_SPINCOUNT": "20000"}
