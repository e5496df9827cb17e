"""What tells one model file from another, at a cost that does not grow with its size.

A small file is its content: all of it is hashed, and a copy elsewhere is the same model. Hashing
20 GB would take longer than loading them, so of a large file the header is hashed (it is what a
loader acts on, and all that can lead one astray), a few dozen blocks of the weights, and what the
system says about it: size, time of the last change, and number on the disk. Who changes such a
file by accident changes one of these. Who does it on purpose, and restores them all, can only put
other numbers in the place of numbers. A large file that was copied or moved counts as new, which
costs one more trial.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from io import FileIO
from os import fstat, stat_result

from inference.models.refusals import unreadable
from inference.models.summary import ModelFile, ModelSummary

Update = Callable[[bytes], object]

SMALL_BYTES = 64 * 2**20
"""Hashed whole; less than a tenth of a second."""
_N_SAMPLES = 64
_SAMPLE_BYTES = 64 * 2**10
_READ_BYTES = 2**20


def model_identity(summary: ModelSummary) -> str:
    """A hexadecimal text; equal for equal models, over all of their files.

    Raises `ModelNotFoundError` if a file cannot be read any more.
    """
    digest = hashlib.sha256()
    for file in summary.files:
        try:
            digest.update(_file_digest(file))
        except OSError as error:
            raise unreadable(file.path, error) from error
    return digest.hexdigest()


def _file_digest(file: ModelFile) -> bytes:
    digest = hashlib.sha256()
    with FileIO(file.path) as opened:
        stat = fstat(opened.fileno())
        digest.update(b"%d" % stat.st_size)
        if stat.st_size <= SMALL_BYTES:
            _add(digest.update, opened, stat.st_size)
        else:
            _add(digest.update, opened, file.header_bytes)
            _add_samples(digest.update, opened, stat)
    return digest.digest()


def _add_samples(update: Update, opened: FileIO, stat: stat_result) -> None:
    update(b" %d %d" % (stat.st_mtime_ns, stat.st_ino))
    last = stat.st_size - _SAMPLE_BYTES
    for i in range(_N_SAMPLES):
        opened.seek(last * i // (_N_SAMPLES - 1))
        _add(update, opened, _SAMPLE_BYTES)


def _add(update: Update, opened: FileIO, n_bytes: int) -> None:
    """From where the file is; less if it ends before."""
    while n_bytes > 0 and (block := opened.read(min(n_bytes, _READ_BYTES))):
        update(block)
        n_bytes -= len(block)
