"""Near duplicates: mirrored, re-encoded, resized or slightly shifted copies, found without comparing all pairs.

Candidates share a hash: the signs of low cosine coefficients of the softened thumbnails (luma and colour), each hash
also looked up with its least certain bits flipped (query-directed probing, Lv et al., VLDB 2007). Of each pair the
best shift is solved for by least squares (Lucas and Kanade, 1981); what then remains is the distance.
"""

import itertools
from collections.abc import Iterator

import numpy as np

from eshi.ground.progress import Progress

CHROMA_LIMIT = 7.5  # mean colour difference, of 255: a recoloured face is another face
ROUGHLY = 0.8  # root mean square of the coefficients' differences: planted pairs reach 0.73, 1 of 25 candidates does
SHIFT_LIMIT = 1.2  # thumbnail pixels: 5 px of a 64 px face
PLAIN = 4  # grey levels added to the contrast: plain faces differ by noise
FEW = 500  # faces of which every pair is looked at: too few for the hashes' medians to mean much
PAIRS = 1000  # compared at a time: their arrays fit into the cache
SURE = 5  # the least certain bits of a hash that are also tried flipped: 32 look-ups
BANDS = (  # (plane, vertical, horizontal frequency), the steadiest under a shift first; y luma, r and b colour
    "r00 b10 r02 y10 y20 y02 y11 b20 r12 y21 y04 y30 y22 y03 y32 r01 y41 b01",
    "b00 r10 b02 r20 y01 y12 y31 y22 r11 b12 y40 y02 y10 y13 y23 b11 y50 y06",
    "y10 y01 y20 y11 y02 y12 y21 y30 y04 y22 y31 y13 y40 y32 y03 y23 y14 y33",
)
WIDEST = len(BANDS[0].split())


def cosines(size: int) -> np.ndarray:
    """(frequency, place) of the orthonormal DCT-II"""
    place, frequency = np.arange(size), np.arange(size)[:, None]
    basis: np.ndarray = np.cos(np.pi * (2 * place + 1) * frequency / (2 * size)) * np.sqrt(2 / size)
    basis[0] /= np.sqrt(2)
    return basis.astype(np.float32)


def coefficients(measures: np.ndarray, wanted: list[str]) -> np.ndarray:
    """(N, len(wanted)): each in units of its spread over the faces, its sign the bit. Even ones are centred on their
    median; odd ones on zero, because mirroring turns their sign."""
    out = np.empty((len(measures), len(wanted)), np.float32)
    planes = {"y": measures["luma"], "r": measures["chroma"][..., 0], "b": measures["chroma"][..., 1]}
    for plane, pixels in planes.items():
        columns = [i for i, name in enumerate(wanted) if name[0] == plane]
        basis = cosines(pixels.shape[1])
        waves = [np.outer(basis[int(wanted[i][1])], basis[int(wanted[i][2])]).ravel() for i in columns]
        out[:, columns] = pixels.reshape(len(pixels), -1).astype(np.float32) @ np.stack(waves, 1)
    for column, name in enumerate(wanted):
        down, across = int(name[1]), int(name[2])
        if across % 2 == 0:
            out[:, column] -= np.median(out[:, column])
        least = (150 if name[0] == "y" else 45) / (1 + down + across)  # half of what real sets have: few faces, or
        out[:, column] /= max(float(out[:, column].std()), least)  # copies of one face, spread too little
    return out


class Index:
    """The hash tables of all faces, and what they hold near a given one."""

    def __init__(self, measures: np.ndarray):
        names = sorted({name for band in BANDS for name in band.split()})
        values = coefficients(measures, names)
        self.turn = np.array([-1 if int(name[2]) % 2 else 1 for name in names], np.float32)  # what mirroring does
        bits = int(np.clip(np.ceil(np.log2(len(measures) + 1)), 10, WIDEST))  # one face a bucket, were they even
        self.bands = [[names.index(name) for name in band.split()[:bits]] for band in BANDS]
        self.values = values
        self.tint = measures["chroma"].mean((1, 2), dtype=np.float32)
        self.luma, self.chroma = np.ascontiguousarray(measures["luma"]), np.ascontiguousarray(measures["chroma"])
        self.tables = []
        for band in self.bands:
            key = keys(values[:, band])
            order = np.argsort(key, kind="stable").astype(np.int32)
            self.tables.append((order, key[order]))

    def near(self, asked: np.ndarray, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
        """Pairs (index into `asked`, face) that share a bucket in any band; a pair may come more than once."""
        if len(self.values) <= FEW:
            every = np.meshgrid(np.arange(len(asked)), np.arange(len(self.values)), indexing="ij")
            return every[0].ravel(), every[1].ravel()
        values = self.values[asked] * (self.turn if mirrored else 1)
        left, right = [], []
        for band, (order, sorted_keys) in zip(self.bands, self.tables, strict=True):
            probes = probed(values[:, band])  # (asked, 32)
            low = np.searchsorted(sorted_keys, probes, "left").ravel()
            count = np.searchsorted(sorted_keys, probes, "right").ravel() - low
            start = np.repeat(low - np.concatenate([[0], np.cumsum(count)[:-1]]), count)
            right.append(order[start + np.arange(len(start))])
            left.append(np.repeat(np.arange(len(asked), dtype=np.int32), count.reshape(probes.shape).sum(1)))
        return np.concatenate(left), np.concatenate(right)


def keys(values: np.ndarray) -> np.ndarray:
    found: np.ndarray = ((values > 0) << np.arange(values.shape[1])).sum(1).astype(np.int32)
    return found


def probed(values: np.ndarray) -> np.ndarray:
    """(N, 32) keys: every subset of the bits nearest to their threshold flipped."""
    unsure = (1 << np.argsort(np.abs(values), axis=1)[:, :SURE]).astype(np.int32)
    subsets = np.array(list(itertools.product((0, 1), repeat=SURE)), np.int32)
    found: np.ndarray = keys(values)[:, None] ^ (unsure @ subsets.T)
    return found


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N,) of softened thumbnails (N, 16, 16) pair by pair, the best shift taken out: 0 the same, near 1 unrelated."""
    a, b = a.astype(np.float32), b.astype(np.float32)
    mean, inner = (a + b) / 2, (slice(None), slice(1, -1), slice(1, -1))
    across = (mean[:, 1:-1, 2:] - mean[:, 1:-1, :-2]) / 2
    down = (mean[:, 2:, 1:-1] - mean[:, :-2, 1:-1]) / 2
    a, b, across, down = map(centred, (a[inner], b[inner], across, down))
    rest = a - b
    xx, yy, xy = dot(across, across) + 1, dot(down, down) + 1, dot(across, down)
    xr, yr, scale = dot(across, rest), dot(down, rest), xx * yy - xy**2
    right = np.clip((yy * xr - xy * yr) / scale, -SHIFT_LIMIT, SHIFT_LIMIT)
    below = np.clip((xx * yr - xy * xr) / scale, -SHIFT_LIMIT, SHIFT_LIMIT)
    rest -= right[:, None] * across + below[:, None] * down
    spread = (np.sqrt(dot(a, a)) + np.sqrt(dot(b, b))) / 2 / np.sqrt(a.shape[1])
    result: np.ndarray = np.sqrt(dot(rest, rest) / a.shape[1]) / (spread + PLAIN)
    return result


def centred(planes: np.ndarray) -> np.ndarray:
    """(N, H, W) -> (N, H W), each row around zero"""
    flat = planes.reshape(len(planes), planes.shape[1] * planes.shape[2])
    around: np.ndarray = flat - flat.mean(1, keepdims=True)
    return around


def dot(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    products: np.ndarray = np.einsum("ij,ij->i", one, other)
    return products


def near_duplicates(measures: np.ndarray, quality: np.ndarray, near: float) -> dict[int, tuple[int, float, bool]]:
    """Duplicate -> (the face kept instead, distance, mirrored).

    Faces are taken best first. One that resembles a kept face is its duplicate; else it is kept, and all that
    resemble it are its duplicates. So nobody is dropped for resembling a dropped face, and chains do not merge.
    """
    order = np.argsort(-quality, kind="stable")
    taken: dict[int, tuple[int, float, bool]] = {}
    free = np.ones(len(order), bool)
    if len(order) < 2:
        return {}
    index = Index(measures[order])
    with Progress("comparing", len(order), "faces") as bar:
        for block in blocks(len(order)):
            asked = block[free[block]]
            for face, other, distance, mirrored in sorted(pairs(index, asked, free, near)):
                # sorted by face: all pairs of a better face come before those of a worse one
                if not free[face]:
                    continue
                if other < face:
                    if free[other]:
                        free[face] = False
                        taken[int(order[face])] = (int(order[other]), distance, mirrored)
                elif free[other]:
                    free[other] = False
                    taken[int(order[other])] = (int(order[face]), distance, mirrored)
            bar.advance(len(block), near_duplicates=f"{len(taken):,}")
    return taken


def blocks(total: int) -> Iterator[np.ndarray]:
    """Small ones first: the first faces of a large group take all its others, which are then not asked about."""
    start, size = 0, 64
    while start < total:
        yield np.arange(start, min(start + size, total))
        start, size = start + size, min(2 * size, 512)


def pairs(index: Index, asked: np.ndarray, free: np.ndarray, near: float) -> Iterator[tuple[int, int, float, bool]]:
    """(asked face, other face, distance, mirrored) of all that are near and still free."""
    for mirrored in (False, True):
        left, right = index.near(asked, mirrored)
        left = asked[left]
        tint = np.abs(index.tint[left] - index.tint[right])
        alike = (tint[:, 0] + tint[:, 1] <= 2 * CHROMA_LIMIT) & free[right] & (left != right)
        code = np.unique(left[alike].astype(np.int64) * len(index.values) + right[alike])
        left, right = code // len(index.values), code % len(index.values)
        apart = index.values[left] * (index.turn if mirrored else 1) - index.values[right]
        alike = np.einsum("ij,ij->i", apart, apart) <= ROUGHLY**2 * apart.shape[1]
        left, right = left[alike], right[alike]
        for some in np.array_split(np.arange(len(left)), len(left) // PAIRS + 1):
            one, other = left[some], right[some]
            flip = (slice(None), slice(None), slice(None, None, -1 if mirrored else 1))
            colour = np.abs(index.chroma[one].astype(np.int16) - index.chroma[other][flip]).mean((1, 2, 3))
            one, other = one[colour <= CHROMA_LIMIT], other[colour <= CHROMA_LIMIT]
            distance = distances(index.luma[one], index.luma[other][flip])
            for i in np.flatnonzero(distance <= near):
                yield int(one[i]), int(other[i]), float(distance[i]), mirrored
