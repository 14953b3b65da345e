"""Assembles the page's kernel.wat with npm's wabt and marks the .wasm with the hash of what it was made from.

    npm install --prefix /tmp/wabt wabt && PATH=/tmp/wabt/node_modules/.bin:$PATH python tools/page/kernel.py

tests/test_page_plan.py reads the mark, so that neither file changes without the other.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WAT = Path(__file__).parents[2] / "src" / "eshi" / "share" / "browser" / "kernel.wat"
MARK = b"source"


def main() -> None:
    assembler = shutil.which("wat2wasm")
    if not assembler:
        sys.exit("there is no wat2wasm: npm install wabt, and put its node_modules/.bin on the PATH")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "kernel.wasm"
        subprocess.run([assembler, WAT, "-o", made], check=True)
        code = made.read_bytes()
    WAT.with_suffix(".wasm").write_bytes(code + section(MARK, hashlib.sha256(WAT.read_bytes()).digest()))
    print(f"{WAT.with_suffix('.wasm').name}: {len(code)} bytes")


def section(name: bytes, content: bytes) -> bytes:
    """A custom section, which engines pass over: https://webassembly.github.io/spec/core/binary/modules.html"""
    inside = bytes([len(name)]) + name + content
    return bytes([0, len(inside)]) + inside  # lengths below 128 take one byte


if __name__ == "__main__":
    main()
