"""Reads files with a few changed bytes, in a process with limits; run by test_mutations.py.

    python mutate.py FOLDER SEED COUNT

FOLDER holds valid files (*.h5). Writes the seed at work into FOLDER/seed and the file into FOLDER/mutant, so that what
crashed or hung can be told from outside. Prints, as JSON, how often each thing happened, and what should not have.
"""

from __future__ import annotations

import collections
import json
import random
import resource
import sys
import traceback
import warnings
from pathlib import Path

import made

from blackboxes import BlackboxError

MEMORY = 2 << 30  # bytes of address space: what a process with NumPy, SciPy, pandas and h5py needs, and some


def mutant(whole: bytes, seed: int) -> bytes:
    """A file that is cut, in which a stretch is overwritten by another, or (most often) one to sixteen bytes change."""
    draw, changed = random.Random(seed), bytearray(whole)
    kind = draw.random()
    if kind < 0.1:
        del changed[draw.randrange(len(changed)) :]
    elif kind < 0.2:
        size = draw.randrange(1, min(256, len(changed)))
        source, target = (draw.randrange(len(changed) - size) for _ in range(2))
        changed[target : target + size] = whole[source : source + size]
    else:
        for _ in range(draw.choice([1, 1, 1, 2, 4, 16])):
            place = draw.randrange(len(changed))
            changed[place] = draw.choice([draw.randrange(256), changed[place] ^ 1 << draw.randrange(8), 0, 255])
    return bytes(changed)


def main(folder: Path, first: int, count: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    bases = [path.read_bytes() for path in sorted(folder.glob("*.h5"))]
    happened: collections.Counter[str] = collections.Counter()
    wrong = []
    warnings.simplefilter("error")
    for seed in range(first, first + count):
        (folder / "seed").write_text(str(seed))
        (folder / "mutant").write_bytes(mutant(bases[seed % len(bases)], seed))
        try:
            made.use(folder / "mutant")
            happened["read"] += 1
        except BlackboxError as error:
            happened["refused"] += 1
            if "\n" in str(error) or not str(error).isprintable() or len(str(error)) > 1000:
                wrong.append([seed, f"an ugly message: {error!r}"])
        except BaseException:
            wrong.append([seed, traceback.format_exc()])
    print(json.dumps({"happened": happened, "wrong": wrong}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
