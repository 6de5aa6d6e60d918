"""Serves the reports of builds, and nothing else of them: no shards, no clips, no networks.

`python -m flows.server.reports FOLDER` serves a build, or a folder of builds, on port 8000.
"""

import argparse
import html
import http.server
import io
import re
import urllib.parse
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

#: What is served, below a build: the report of its dataset and that of its model.
_REPORT = re.compile(r"(?:.*/)?(?:dataset|model)/report/.+")
#: Nobody else's page frames a report or uses its pictures, and a report asks nobody else.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_THIS_MACHINE = ("127.0.0.1", "localhost", "[::1]")


class ReportHandler(http.server.SimpleHTTPRequestHandler):
    """Answers with files of reports, and with the list of reports at /."""

    def __init__(self, *arguments: Any, hosts: tuple[str, ...], directory: str) -> None:
        """hosts: names under which the server is known; directory: of the builds."""
        self.hosts = hosts
        super().__init__(*arguments, directory=directory)

    def send_head(self) -> io.BytesIO | BinaryIO | None:
        """Send status and headers; returns the open file if there is one to send."""
        # A name of somebody else that leads here makes their page one of the same origin (DNS rebinding).
        if re.sub(r":\d+$", "", self.headers.get("Host", "")) not in self.hosts:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "Unknown host name")
            return None
        folder, path = Path(self.directory), Path(self.translate_path(self.path))
        if path == folder:
            return self._list(folder)
        is_report = _REPORT.fullmatch(path.relative_to(folder).as_posix()) is not None
        if not is_report or not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()

    def end_headers(self) -> None:
        """Add the headers that keep other pages out."""
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def _list(self, folder: Path) -> io.BytesIO:
        names = sorted(
            path.relative_to(folder).as_posix()
            for depth in ("", "*/", "*/*/")
            for path in folder.glob(f"{depth}*/report/index.html")
            if path.parts[-3] in ("dataset", "model")
        )
        lines = [f'<li><a href="{urllib.parse.quote(name)}">{html.escape(name)}</a>' for name in names]
        page = f"<!doctype html><title>Reports</title><ul>{''.join(lines)}</ul>".encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        return io.BytesIO(page)


def main() -> None:
    """Serve until the process ends."""
    parser = argparse.ArgumentParser(description="Serve the reports of builds.")
    parser.add_argument("folder", type=Path, help="a build, or a folder of builds")
    parser.add_argument("--bind", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument(
        "--host", action="append", default=[], help="a further name of this server; may be repeated"
    )
    given = parser.parse_args()
    hosts = (*_THIS_MACHINE, *given.host)
    handler = partial(ReportHandler, hosts=hosts, directory=str(given.folder.resolve()))
    http.server.ThreadingHTTPServer((given.bind, given.port), handler).serve_forever()


if __name__ == "__main__":
    main()
