"""The safetensors format: eight bytes of length, a JSON header, the numbers. Every claim of a stranger's is checked."""

import json
import math
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from eshi.ground.schema import show

KINDS = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8,
    "BOOL": torch.bool,
}  # fmt: skip
NAMES = {kind: name for name, kind in KINDS.items()}
LONGEST = 8_000_000  # bytes of a header
LARGEST = 1_000_000_000  # bytes of a file; the widest of the shipped recipes takes a tenth
SUFFIX = ".safetensors"
Header = dict[str, Any]


def write(file: BinaryIO, tensors: Mapping[str, Tensor], words: Mapping[str, str]) -> None:
    """Tensors by name, in their order, and text by name."""
    header: Header = {"__metadata__": dict(words)}
    at = 0
    for name, tensor in tensors.items():
        end = at + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for tensor in tensors.values():
        file.write(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the texts; a ValueError says what in the file is not as the format has it."""
    with path.open("rb") as file:
        header, begin = header_of(file, path.stat().st_size)
        words = header.pop("__metadata__", {})
        if not isinstance(words, dict) or not all(isinstance(word, str) for word in words.values()):
            raise ValueError("its metadata is not text by name")
        end = begin
        for name, entry in sorted(header.items(), key=lambda one: offset(*one)):
            end = checked(name, entry, begin, end)
        if end != path.stat().st_size:
            raise ValueError(f"{path.stat().st_size - end:,} bytes of it belong to no tensor")
        if end == begin:  # nothing but text
            return {}, words
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
            return {name: taken(memory, entry, begin) for name, entry in header.items()}, words


def header_of(file: BinaryIO, size: int) -> tuple[Header, int]:
    """The header, and where the numbers begin."""
    if size > LARGEST:
        raise ValueError(f"it has {size:,} bytes, and no more than {LARGEST:,} are read")
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > size - 8:
        raise ValueError(f"it declares a header of {length:,} bytes, and has {max(0, size - 8):,}")
    if length > LONGEST:
        raise ValueError(f"its header has {length:,} bytes, and no more than {LONGEST:,} are read")
    try:
        header = json.loads(file.read(length).decode("utf-8"), object_pairs_hook=once)
    except RecursionError as error:
        raise ValueError("its header is nested as none is") from error
    if not isinstance(header, dict):
        raise ValueError("its header is not a list of tensors by name")
    return header, 8 + length


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError("a name stands in its header twice")
    return found


def offset(name: str, entry: Any) -> tuple[int, int]:
    """Where a tensor lies, once its entry is one at all."""
    usual = isinstance(entry, dict) and entry.keys() == {"dtype", "shape", "data_offsets"}
    if not usual or not isinstance(entry["dtype"], str) or entry["dtype"] not in KINDS:
        raise ValueError(f"{show(name)} is no tensor of a kind that is known")
    for numbers in (entry["shape"], entry["data_offsets"]):
        if not isinstance(numbers, list) or not all(type(n) is int and 0 <= n < 2**63 for n in numbers):
            raise ValueError(f"{show(name)} has numbers that are none")
    if len(entry["data_offsets"]) != 2 or len(entry["shape"]) > 8:
        raise ValueError(f"{show(name)} has numbers that are none")
    return entry["data_offsets"][0], entry["data_offsets"][1]


def checked(name: str, entry: Header, begin: int, end: int) -> int:
    """Where the tensor ends; it has to begin where the one before it ended."""
    first, last = offset(name, entry)
    if begin + first != end:
        raise ValueError(f"{show(name)} does not begin where the tensor before it ends")
    size = math.prod(entry["shape"]) * KINDS[entry["dtype"]].itemsize
    if last - first != size:
        shape = "x".join(map(str, entry["shape"])) or "1"
        raise ValueError(f"{show(name)} has {last - first:,} bytes, and {shape} of {entry['dtype']} take {size:,}")
    return begin + last


def taken(memory: mmap.mmap, entry: Header, begin: int) -> Tensor:
    first, last = entry["data_offsets"]
    kind = KINDS[entry["dtype"]]
    if first == last:
        return torch.empty(entry["shape"], dtype=kind)
    content = bytearray(memory[begin + first : begin + last])
    return torch.frombuffer(content, dtype=kind).reshape(entry["shape"])
