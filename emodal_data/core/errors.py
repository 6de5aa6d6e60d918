"""The exception family of the data rooms. Errors of libraries (av, cv2, pyarrow) become these, with their cause.

EmodalError
├── InputError      the input or the arguments are wrong: nothing was done, exit code 2
├── WorkError       the work itself failed (disk full, a broken worker): exit code 1
│   ├── TransientError   an I/O error that may be gone next time: tried again
│   ├── WorkersLost      worker processes do not start, or die before they work: the run ends
│   └── DamagedReel      a file of the clip store is not what was written: its clips are read again
└── Dropped         one clip or one film cannot be used: it gets a line in the ledger, and the run continues
"""

import errno
from pathlib import Path
from typing import Final

from emodal_data.core.reasons import Reason

#: What the system says if a drive or a network fails while a file is read.
DRIVE_ERRORS: Final = frozenset(
    (
        errno.EIO,
        errno.ESTALE,
        errno.ENODEV,
        errno.ENOTCONN,
        errno.ETIMEDOUT,
        errno.ECONNRESET,
        errno.ECONNABORTED,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
    )
)


class EmodalError(Exception):
    """Base of everything this project raises on purpose."""


class InputError(EmodalError):
    """Wrong input or arguments. The message is one line: file, row, what is wrong, what to do."""


class WorkError(EmodalError):
    """The work failed although the input was fine. The message says what to do."""


class TransientError(WorkError):
    """An I/O error that may be gone next time, such as a network drive that failed for a moment."""


class WorkersLost(WorkError):
    """No worker process lives long enough to work: a fault of the run, never of a film or a clip."""


class DamagedReel(WorkError):
    """A file of the clip store that cannot be trusted."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: damaged; remove it, and its clips are read again"


class Dropped(EmodalError):
    """A clip that cannot be used, with the reason and the measured value that the ledger shows.

    reason: why, from the closed list. measured: the number that decided it, if there is one.
    detail: one line for people, without a newline.
    """

    def __init__(self, reason: Reason, detail: str = "", measured: float | None = None) -> None:
        super().__init__(reason, detail, measured)
        self.reason = reason
        # File names may contain newlines and bytes that are not text; the ledger has lines of text.
        self.detail = " ".join(detail.encode("utf-8", "replace").decode().split())
        self.measured = measured

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else str(self.reason)
