"""What the tests ask of an opened page. A face is found again by its pixels: what the page draws is asked of it."""

import json

import numpy as np
from chromium import Tab

ROOMS = ("wall", "pick", "shape", "blend", "gallery", "about")


def settled(tab: Tab) -> str:
    """Once the large face has come to rest: the latent in the address, which is the one that is shown."""
    at = "location.hash.split('.')[1]"
    tab.wait(f"document.getElementById('large')?.dataset.face === {at} && {at} !== undefined")
    return str(tab.js(at))


def pixels(tab: Tab, z: list[float] | None = None) -> np.ndarray:
    """(H, W, 3) as the page draws a latent, or the large face."""
    given = "eshi.face()" if z is None else json.dumps(z)
    found = np.array(tab.js(f"(async () => [...await eshi.draw({given})])()"), np.uint8)
    side = tab.js("[...document.querySelectorAll('#from canvas, .face canvas')].map(one => [one.height, one.width])[0]")
    return found.reshape(*side, 4)[:, :, :3]


def large(tab: Tab) -> np.ndarray:
    """What lies on the canvas."""
    code = "[...document.getElementById('large').getContext('2d').getImageData(0, 0, 448, 448).data]"
    return np.array(tab.js(code), np.uint8).reshape(448, 448, 4)[:, :, :3]


def canvases(tab: Tab, selector: str) -> np.ndarray:
    """(N, 32, 32, 3) of the small faces."""
    data = "one.getContext('2d').getImageData(0, 0, 32, 32).data"
    found = np.array(tab.js(f"[...document.querySelectorAll('{selector}')].map(one => [...{data}])"), np.float32)
    return found.reshape(-1, 32, 32, 4)[..., :3]


def room(tab: Tab, name: str) -> None:
    tab.click(f"#tab-{name}")
    tab.wait(f"!document.getElementById('{name}').hidden")


def alike(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of pixels: these faces are noise, which no palette and no enlarging leaves quite as it is."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
