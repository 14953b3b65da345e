"""What lies in the folder, and the jobs at work on it."""

from typing import Annotated, Any

from eshi.ground.schema import Range
from eshi.studio.ask import ROUTES, Answer, route
from eshi.studio.state import Studio


@route("GET", "/api")
def api(studio: Studio) -> Any:
    """what can be asked"""
    return [{"method": m, "path": path, "about": one.about} for (m, path), one in ROUTES.items()]


@route("GET", "/api/things")
def things(studio: Studio) -> Any:
    """what lies in the folder: runs, face sets, pictures, other folders of images"""
    found = studio.place.things()
    return {"root": studio.place.root.name, "things": [{"at": at, "kind": kind} for at, kind in found.items()]}


@route("GET", "/api/jobs")
def jobs(studio: Studio) -> Any:
    """long work: what waits at which place, what is at work and how far, what came of the rest"""
    return {"jobs": studio.jobs.listed()}


@route("POST", "/api/jobs/cancel")
def cancel(studio: Studio, job: Annotated[int, Range(1)]) -> Any:
    """call a job off, waiting or at work"""
    return studio.jobs.cancel(job)


@route("GET", "/api/jobs/result")
def result(studio: Studio, job: Annotated[int, Range(1)]) -> Any:
    """the pictures that a job has made, as a bundle; or its facts"""
    found = studio.jobs.found(job)
    return found.result if isinstance(found.result, Answer) else {"state": found.state, "result": found.result}
