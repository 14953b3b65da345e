"""PYTHONPATH=tests python -m attack [--short | --share 0.1] [--seed 0] [--only AREA] [--case AREA/NAME] [--jobs 2]"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from pathlib import Path
from typing import Any

from attack import arena, watch
from attack.areas import AREAS
from attack.arena import Arena
from attack.base import make_base
from attack.case import Case

AGAIN = "PYTHONPATH=tests python -m attack"
SHARE = 0.1  # of an area's cases that the short form takes


def main() -> int:
    parser = argparse.ArgumentParser(prog="attack", description=__doc__)
    parser.add_argument("--short", action="store_const", dest="share", const=SHARE, help="a tenth, in two minutes")
    parser.add_argument("--share", type=float, help="of each area's cases (0.8)")
    parser.add_argument("--seed", type=int, default=0, help="of everything that chance decides")
    parser.add_argument("--only", action="append", default=[], metavar="AREA", help=f"of {', '.join(AREAS)}")
    parser.add_argument("--case", action="append", default=[], metavar="AREA/NAME", help="this one, or what begins so")
    parser.add_argument("--jobs", type=int, default=min(2, len(os.sched_getaffinity(0))), help="cases side by side")
    parser.add_argument("--minutes", type=float, default=15.0, help="what is not tried by then is a failure")
    parser.add_argument("--base", type=Path, help="a folder to make the base in, or to find it made")
    parser.add_argument("--keep", action="store_true", help="leave the folders of failed cases")
    parser.add_argument("--list", action="store_true", help="name the cases")
    parser.set_defaults(share=0.8)  # what two busy cores do in a quarter of an hour
    a = parser.parse_args()
    if wrong := [name for name in a.only if name not in AREAS]:
        parser.error(f"no area {wrong[0]}: there are {', '.join(AREAS)}")
    areas = a.only or ([name for name in AREAS if any(c.split("/")[0] == name for c in a.case)] if a.case else AREAS)
    cases = [case for name in areas for case in AREAS[name](random.Random(f"{a.seed}/{name}"))]
    if a.case:
        cases = [case for case in cases if any(case.full == c or case.full.startswith(c) for c in a.case)]
    elif a.share < 1:
        cases = [c for name in areas for c in shortened([c for c in cases if c.area == name], a.seed, a.share)]
    if a.list:
        print("\n".join(case.full for case in cases))
        return 0
    if not cases:
        parser.error("no such case")
    start = time.monotonic()
    home = Path(tempfile.mkdtemp(prefix="attack-"))
    try:
        arena.warm()
        if a.base and (a.base / "base").exists():
            shutil.copytree(a.base, home, dirs_exist_ok=True)
        else:
            make_base(home)
            if a.base:
                shutil.copytree(home, a.base)
        print(f"{len(cases):,} cases, seed {a.seed}, in {home}; ready in {time.monotonic() - start:.0f} s", flush=True)
        results = fight(cases, home, a, start + 60 * a.minutes)
    finally:
        if a.keep:
            print(f"what failed is kept in {home}")
        else:
            watch.remove(home)
    return tell(cases, results, a, time.monotonic() - start)


def shortened(cases: list[Case], seed: int, share: float) -> list[Case]:
    """Those that always come, and some by chance."""
    rest = [case for case in cases if not case.short]
    chosen = random.Random(f"{seed}/short").sample(rest, min(len(rest), max(1, round(share * len(rest)))))
    return [case for case in cases if case.short or case in chosen]


def fight(cases: list[Case], home: Path, a: argparse.Namespace, until: float) -> list[dict[str, Any]]:
    """A process a case, some side by side; this process only forks and waits, so the forks are clean."""
    waiting, at_work, results = list(reversed(cases)), {}, []
    while waiting or at_work:
        while waiting and len(at_work) < a.jobs and time.monotonic() < until:
            case = waiting.pop()
            number = os.fork()
            if not number:
                os.setpgid(0, 0)
                try:
                    one(case, home, a)
                finally:
                    os._exit(0)
            at_work[number] = (case, time.monotonic())
        if not at_work:
            break
        number, _ = os.waitpid(-1, os.WNOHANG)
        for late, (case, began) in list(at_work.items()):
            if time.monotonic() - began > case.seconds:
                finish_off(late)
        if number not in at_work:
            time.sleep(0.01)
            continue
        case, began = at_work.pop(number)
        folder = home / case.full.replace("/", "-")
        try:
            found = json.loads((folder / "result.json").read_text())
        except (OSError, ValueError):
            found = {
                "faults": [f"the case was not over after {case.seconds:g} s"],
                "kills": 0,
                "commands": 0,
                "most": 0,
                "work": 0,
            }
        found |= {"case": case}
        results.append(found)
        if found["faults"]:
            print(f"FAILED {case.full}  ({AGAIN} --seed {a.seed} --case {case.full})", flush=True)
            for fault in found["faults"][:3]:
                print(f"       {printable(fault)[:400]}", flush=True)
        if not (a.keep and found["faults"]):
            watch.remove(folder)
    return results


def printable(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def finish_off(number: int) -> None:
    for entry in os.listdir("/proc"):
        try:
            if (
                entry.isdigit()
                and f"{number}" in Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1:4]
            ):
                watch.end(int(entry))
        except (OSError, ValueError):
            continue


def one(case: Case, home: Path, a: argparse.Namespace) -> None:
    """The whole case, in its own process."""
    folder = home / case.full.replace("/", "-")
    scene = Arena(case.full, folder / "arena", home / "base", random.Random(f"{a.seed}/{case.full}"))
    try:
        case.attack(scene)
        scene.settle()
    except Exception:
        scene.faults.append(f"the case itself broke: {traceback.format_exc()[-700:]}")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    work = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    told = {"work": work, "faults": scene.faults, "kills": scene.kills, "commands": scene.commands, "most": scene.most}
    (folder / "part").write_text(json.dumps(told))
    (folder / "part").rename(folder / "result.json")


def tell(cases: list[Case], results: list[dict[str, Any]], a: argparse.Namespace, seconds: float) -> int:
    rows: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0, 0, 0, 0.0, 0.0])
    for found in results:
        case = found["case"]
        row = rows[case.area]
        for place, value in enumerate((1, case.inputs, found["kills"], found["commands"], bool(found["faults"]))):
            row[place] += value
        row[5], row[6] = max(row[5], found["most"] / 1e6), row[6] + found["work"]
    print(
        f"\n{'area':<12}{'cases':>7}{'inputs':>8}{'kills':>7}{'commands':>10}{'failed':>8}{'most MB':>9}{'work s':>9}"
    )
    total = [0, 0, 0, 0, 0, 0.0, 0.0]
    for area, row in rows.items():
        print(f"{area:<12}" + "".join(f"{int(v):>{w},}" for v, w in zip(row, (7, 8, 7, 10, 8, 9, 9), strict=True)))
        total = [max(x, y) if i == 5 else x + y for i, (x, y) in enumerate(zip(total, row, strict=True))]
    print(f"{'all':<12}" + "".join(f"{int(v):>{w},}" for v, w in zip(total, (7, 8, 7, 10, 8, 9, 9), strict=True)))
    untried = len(cases) - len(results)
    print(
        f"seed {a.seed}, {seconds / 60:.1f} minutes" + (f"; {untried} cases NOT TRIED: out of time" if untried else "")
    )
    failed = int(total[4])
    print(f"{len(results) - failed} passed, {failed + untried} failed")
    return int(bool(failed or untried))


if __name__ == "__main__":
    sys.exit(main())
