"""What can change under a run: the scan while it is read, the room on the disk."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ssbtomo.errors import InputDataError, OutputError
from ssbtomo.runner.provenance import files_of, hash_of

__all__ = ["Room", "WatchedScan", "told_change"]

_LOOK = 2.0  # seconds between looks at the disk
Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class WatchedScan:
    """A scan as it was when the run began.

    Parameters
    ----------
    path : pathlib.Path
        File or folder.
    stamp : tuple
        Name, size and time of change of each of its files.
    digest : str
        Hash of their content.
    """

    path: Path
    stamp: Stamp
    digest: str

    @classmethod
    def of(cls, path: Path) -> WatchedScan:
        """Hash a scan.

        Parameters
        ----------
        path : pathlib.Path
            File or folder.

        Returns
        -------
        WatchedScan
            To be compared with later.
        """
        return cls(path, _stamp(path), hash_of(path))

    def check(self) -> None:
        """Make sure that what was read is what was hashed.

        Raises
        ------
        InputDataError
            If the scan is gone, or another one by now.
        """
        if not self.path.exists():
            raise InputDataError(
                f"the scan {self.path} vanished while it was read",
                hint="put it back and start again",
            )
        if _stamp(self.path) != self.stamp and hash_of(self.path) != self.digest:
            raise InputDataError(
                f"the scan {self.path} was changed while it was read",
                hint="wait until it is written or copied to its end, and start again: it is read anew",
            )


def _stamp(path: Path) -> Stamp:
    found = []
    for file in files_of(path):
        state = file.stat()
        found.append((str(file), state.st_size, state.st_mtime_ns))
    return tuple(found)


class Room:
    """Looks now and then whether the disk has room for what is being written.

    A run that stops before the disk is full leaves other programs alive, and has all its
    finished blocks.

    Parameters
    ----------
    folder : pathlib.Path
        Where the run writes.
    least : int
        Bytes that the tasks that run at once may write.
    clock : callable, optional
        Seconds that only ever grow.
    """

    def __init__(
        self, folder: Path, least: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder, self._least, self._clock = folder, least, clock
        self._looked = -_LOOK

    def check(self) -> None:
        """Look, unless that was done a moment ago.

        Raises
        ------
        OutputError
            If the disk is as good as full.
        """
        now = self._clock()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        free = shutil.disk_usage(self._folder).free
        if free < self._least:
            raise OutputError(
                f"the disk of {self._folder} is nearly full: {free / 1e6:.1f} MB are free, the next "
                f"blocks may take {self._least / 1e6:.1f} MB",
                hint="free some space and start again: it goes on where it stopped",
            )


def told_change(marker: Path, scan: WatchedScan) -> str:
    """Say that a scan is not the one that an earlier run has read, if so.

    Parameters
    ----------
    marker : pathlib.Path
        What the ingest of that run has left.
    scan : WatchedScan
        The scan now.

    Returns
    -------
    str
        A warning, or empty.
    """
    try:
        before = json.loads(marker.read_text("utf-8")).get("scan", scan.digest)
    except (OSError, ValueError, AttributeError):
        return ""
    if before == scan.digest:
        return ""
    return (
        f"{scan.path} is not the file that the last run has read (SHA-256 {str(before)[:12]}… then, "
        f"{scan.digest[:12]}… now): everything is done anew"
    )
