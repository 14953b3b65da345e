"""Numbers, durations and foreign words as people read them."""

import math


def clock(seconds: float) -> str:
    """12.3 -> '0:12', 3725 -> '1:02:05'"""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def human(count: float) -> str:
    """60000 -> 60k, 1250000 -> 1.25M, 950 -> 950"""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(count) >= 0.9995 * size:
            return f"{count / size:.3g}{letter}"
    return f"{count:.3g}"


def of(images: int, length: int | None) -> str:
    return f"{human(images)} of {human(length)}" if length else human(images)


def measured(value: float, noise: float | None) -> str:
    """No more digits than the noise leaves: 41.2 ± 0.8"""
    if not noise:
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    digits = min(6, max(0, -math.floor(math.log10(abs(noise)) + 0.022)))  # 0.95 is written as 1
    return f"{value:,.{digits}f} ± {noise:.{digits}f}"


def ago(seconds: float) -> str:
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds / size)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "now"


def printable(text: str) -> str:
    """Whatever somebody else wrote; what moves the cursor, colours a terminal or turns text around is spelt out."""
    return "".join(c if c.isprintable() else " " if c.isspace() else ascii(c)[1:-1] for c in text)
