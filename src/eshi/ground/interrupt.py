"""Ctrl-C and its like, as a request to stop at the next good moment."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

ASKING = ("SIGINT", "SIGTERM", "SIGHUP")  # Ctrl-C, kill, a closed terminal; Windows has no third


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """The event is set once somebody asks for a stop; asked a second time, nothing is waited for."""
    stop, asked = threading.Event(), set()

    def ask(number: int, frame: object) -> None:
        if number in asked:
            raise KeyboardInterrupt
        asked.add(number)  # torchrun sends another after the terminal's: that is no second time
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    numbers = [getattr(signal, name) for name in ASKING if hasattr(signal, name)]
    kept = [n for n in numbers if signal.getsignal(n) == signal.SIG_IGN and n != signal.SIGINT]  # nohup stays nohup
    before = {number: signal.signal(number, ask) for number in numbers if number not in kept}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
