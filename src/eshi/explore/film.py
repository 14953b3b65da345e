"""Films: GIF, WebP, or MP4 through PyAV."""

import io
from fractions import Fraction
from pathlib import Path

import numpy as np

from eshi.ground import files, image
from eshi.ground.errors import EshiError


def film(frames: np.ndarray, path: Path, seconds: float = 0.1) -> Path:
    """(N, H, W, 3) as .gif, .webp or .mp4, by the path's suffix; `seconds` is for one frame."""
    path = Path(path)
    if path.suffix.lower() in (".gif", ".webp"):
        return image.animate(frames, path, seconds)
    if path.suffix.lower() != ".mp4":
        raise EshiError(f"cannot animate a {path.suffix or 'file without suffix'}", "name it .gif, .webp or .mp4")
    try:
        import av
    except ImportError:
        raise EshiError("MP4 needs PyAV, which is not installed", "pip install 'eshi[mp4]', or name it .webp") from None
    memory = io.BytesIO()
    frames = frames[:, : frames.shape[1] // 2 * 2, : frames.shape[2] // 2 * 2]  # yuv420p halves both sides
    with av.open(memory, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(1 / seconds).limit_denominator(1000))
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        stream.options = {"crf": "18"}
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return files.write(path, memory.getvalue())
