"""Finds the weight files of the package face-alignment, downloads them if necessary, and checks them.

A file's name holds the first ten hex digits of its SHA-256. No unchecked file is loaded.
"""

import hashlib
from pathlib import Path
from urllib.error import URLError

from emodal_data.core.errors import InputError

_SOURCE = "https://www.adrianbulat.com/downloads/python-fan/"
FAN = "2DFAN4-11f355bf06.pth.tar"
SFD = "s3fd-619a316812.pth"


def find_weights(names: list[str], folder: Path | None, cache: Path) -> list[Path]:
    """Paths of the weight files `names`, each checked against the digits in its name.

    folder: that of the user; None: the package's `cache`, into which missing files are downloaded.
    Raises InputError with one line that says which files to put where.
    """
    place = folder if folder is not None else cache
    missing = [name for name in names if not (place / name).is_file()]
    if missing and folder is None:
        missing = [name for name in missing if not _download(name, cache)]
    if missing:
        raise InputError(
            f"face-alignment weights missing: put {', '.join(missing)} (from {_SOURCE}) into {place},"
            " or use face.backend=embedded"
        )
    for name in names:
        _check(place / name)
    return [place / name for name in names]


def _download(name: str, cache: Path) -> bool:
    from torch.hub import download_url_to_file

    try:
        cache.mkdir(parents=True, exist_ok=True)
        # Writes a temporary file, compares the digits, renames.
        download_url_to_file(_SOURCE + name, str(cache / name), _digits(name), progress=False)
    except (URLError, OSError, RuntimeError):
        return False
    return True


def _check(path: Path) -> None:
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if not found.startswith(_digits(path.name)):
        raise InputError(
            f"{path} is damaged (SHA-256 begins {found[:10]}): delete it and get it again from {_SOURCE}"
        )


def _digits(name: str) -> str:
    return name.partition(".")[0].rpartition("-")[2]
