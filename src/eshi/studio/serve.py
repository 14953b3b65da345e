"""Opens the studio and keeps it open until Ctrl-C."""

import secrets
import sys
import threading
from pathlib import Path

from eshi.ground.errors import EshiError
from eshi.ground.interrupt import stoppable
from eshi.studio import easel, errands, home, trainings, wall  # noqa: F401
from eshi.studio.manners import Manners
from eshi.studio.place import Place
from eshi.studio.server import Server
from eshi.studio.state import Studio

PORT = 8123


def opened(folder: Path, host: str, port: int | None, password: str | None) -> Server:
    """The server, listening and not yet answering. Another machine may only come with a password."""
    studio, manners = Studio(Place.of(folder)), Manners(host, PORT if port is None else port, password or "")
    if not manners.local and not manners.password:
        manners.password = secrets.token_urlsafe(12)
    if manners.password and len(manners.password) < 8:
        raise EshiError("that password is too short", "at least 8 characters; without --password eshi makes one")
    try:
        return Server(studio, manners)
    except OSError as error:
        if port is None:  # another studio is open: any other door will do
            try:
                manners.port = 0
                return Server(studio, manners)
            except OSError:
                pass
        what = f"cannot listen on {host}:{manners.port}: {error.strerror or error}"
        raise EshiError(what, "another program may use it: --port 0 takes a free one", 1) from error


def serve(folder: Path, host: str, port: int | None, password: str | None) -> None:
    server = opened(folder, host, port, password)
    manners, studio = server.manners, server.studio
    studio.watch.start()
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    say(f"the studio of {studio.place.root} is open: http://{shown}:{manners.port}/?token={manners.token}")
    if not manners.local:
        say(f"  from other machines, password: {manners.password}")
        say("  it is not encrypted: on a network that you do not trust, use ssh -L instead")
    say("  Ctrl-C closes it; trainings go on")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with stoppable() as stop:
        stop.wait()
    studio.feed.end()
    server.shutdown()
    server.server_close()


def say(text: str) -> None:
    print(text, file=sys.stdout, flush=True)
