"""Film names in annotation files, where tools write a URL or a path of another machine."""

import re
from urllib.parse import unquote

_UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-")


def file_name(url: str) -> str:
    """The file name at the end of a URL or of a path of any system: "file:///C:/films/a%20b.mp4" -> "a b.mp4"."""
    if "?d=" in url:  # Label Studio serves local files as /data/local-files/?d=PATH
        url = url.split("?d=", 1)[1].split("&")[0]
    elif url.startswith(("http://", "https://")):
        url = url.split("?", 1)[0].split("#", 1)[0]
    return unquote(url).replace("\\", "/").rsplit("/", 1)[-1]


def without_upload_prefix(name: str) -> str:
    """The original name of a file that Label Studio prefixed with eight random digits and a dash."""
    return _UPLOAD_PREFIX.sub("", name, count=1) if _UPLOAD_PREFIX.match(name) else name
