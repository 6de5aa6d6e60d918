"""What a machine does to Prefect: wrong settings, a home that cannot be written, proxies, a server that is not there.

A build runs in spite of it, or ends with one line that names the setting.
"""

import contextlib
import io
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from emodal_data.core.environment import kept_variables
from emodal_data.core.errors import InputError, WorkError
from flows.progress.observer import observer

#: Seconds that a configured server has to answer.
ANSWER_TIMEOUT_S = 15.0
#: Variables with the address of a proxy, in either case.
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
#: Where a server of this machine listens: no proxy can reach it.
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")

#: Files of the working folder in which Prefect looks for its settings, among those of others.
_SHARED_FILES = (".env", "pyproject.toml")


def is_server_configured() -> bool:
    """Whether a build is a run on a Prefect server: PREFECT_API_URL, of the environment or a file that Prefect reads.

    Where nothing of that kind is set, Prefect is not imported, which would take a second; else Prefect itself decides.
    Raises InputError if its settings are wrong.
    """
    named = any(name.upper().startswith(("PREFECT_API", "PREFECT_PROFILE")) for name in os.environ)
    if not (named or _has_settings_files()):
        return False
    prepare_prefect()
    from prefect.settings import PREFECT_API_URL

    return bool(PREFECT_API_URL.value())


def _has_settings_files() -> bool:
    """Whether there is a file with settings of Prefect, which may choose a profile that names a server."""
    files = [Path("prefect.toml")]
    with contextlib.suppress(RuntimeError):  # the user has no home folder
        files.append(Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser() / "profiles.toml")
    return any(file.is_file() for file in files) or any(map(_mentions_prefect, map(Path, _SHARED_FILES)))


def _mentions_prefect(file: Path) -> bool:
    try:
        return b"prefect" in file.read_bytes().lower()
    except OSError:
        return False


@contextlib.contextmanager
def prefect_server() -> Iterator[None]:
    """Run the block's flows against the configured server.

    Raises InputError if no server answers at the start, WorkError if it is lost later.
    """
    import httpx
    from prefect.settings import PREFECT_API_URL

    url = str(PREFECT_API_URL.value())
    with without_proxy_to_this_machine():
        check_server(url)
        try:
            yield
        except httpx.TransportError as error:
            raise WorkError(f"the Prefect server at {url} no longer answers: {_cause(error)}") from error


def prepare_prefect() -> None:
    """Settings for a flow that runs on its own; to be called before Prefect is imported. What the user set wins.

    Raises InputError if Prefect's own settings are wrong.
    """
    # Its own events are of no use here, and it logs errors when they outlast the flow.
    logging.getLogger("EventsWorker").setLevel(logging.CRITICAL)
    for name, value in {
        "PREFECT_LOGGING_LEVEL": "CRITICAL",  # who called reports the failure
        "DO_NOT_TRACK": "1",  # else Prefect reports its use to its makers
    }.items():
        os.environ.setdefault(name, value)
    _ensure_home()
    check_settings()


def check_settings() -> None:
    """Import Prefect. Raises InputError, naming the setting, if its settings are wrong."""
    certificates = os.environ.get("SSL_CERT_FILE")
    if certificates and not Path(certificates).is_file():
        raise InputError(f"SSL_CERT_FILE={certificates}: no such file; unset it or correct it")
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # Prefect prints the error, and goes on
            import prefect.settings
        prefect.settings.get_current_settings()
    except (ValueError, OSError, RuntimeError) as error:  # of pydantic, TOML files and paths
        where = "the environment, .env, prefect.toml, pyproject.toml and profiles.toml of PREFECT_HOME"
        raise InputError(f"Prefect refuses its settings: {_cause(error)}; look for it in {where}") from error


def _cause(error: BaseException) -> str:
    """One line; of pydantic's errors, the first, with the name of the setting."""
    details = getattr(error, "errors", None)
    if callable(details) and (found := details()):
        first = found[0]
        name = ".".join(str(part) for part in first["loc"])
        section = str(getattr(error, "title", "")).removesuffix("Settings")
        return f"{section.lower()}.{name} = {first['input']!r}: {first['msg']}"
    return " ".join(str(error).split()) or type(error).__name__


def _ensure_home() -> None:
    """Let Prefect use a temporary folder if its own cannot be written. Its profiles are still read."""
    try:
        home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    except RuntimeError:  # the user has no home folder
        home = Path("~/.prefect")
    else:
        if _is_writable(home):
            return
    folder = tempfile.mkdtemp(prefix="emodal-prefect-")
    if (profiles := home / "profiles.toml").is_file():
        os.environ.setdefault("PREFECT_PROFILES_PATH", str(profiles))
    os.environ["PREFECT_HOME"] = folder
    observer().log(
        f"{home} (PREFECT_HOME) cannot be written: Prefect keeps its records of this run in {folder}"
    )


def _is_writable(folder: Path) -> bool:
    """Whether a file can be made in the folder, which is made if it is not there."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def without_proxy_to_this_machine() -> Iterator[None]:
    """Ask servers of this machine without a proxy inside the block; others as before.

    A SOCKS proxy is left out if Prefect's HTTP client lacks the package for it: it would refuse to be made at all.
    """
    names = [name for lower in (*_PROXIES, "no_proxy") for name in (lower, lower.upper())]
    with kept_variables(names):
        before = {name: os.environ.get(name) for name in names}
        excepted = before["no_proxy"] or before["NO_PROXY"] or ""
        if excepted.strip() != "*":
            hosts = [host for host in excepted.split(",") if host.strip()]
            os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join([*hosts, *_THIS_MACHINE])
        for name, value in before.items():
            if value and value.lower().startswith("socks") and not _has_socks():
                os.environ.pop(name, None)
        yield


def _has_socks() -> bool:
    import importlib.util

    return importlib.util.find_spec("socksio") is not None


def check_server(url: str) -> None:
    """Ask the server of PREFECT_API_URL for something small. Raises InputError if it does not answer or refuses."""
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    try:
        with (
            temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
            get_client(httpx_settings={"timeout": ANSWER_TIMEOUT_S}, sync_client=True) as client,
        ):
            client.read_flow_runs(limit=1)
    except httpx.HTTPStatusError as error:
        code = error.response.status_code
        if code in (401, 403):
            keys = "PREFECT_API_AUTH_STRING or PREFECT_API_KEY"
            line = f"the Prefect server at {url} refuses access ({code}): set {keys}"
        else:
            line = f"no Prefect server at {url} (PREFECT_API_URL): the answer is {code}; correct the URL or unset it"
        raise InputError(line) from error
    except (
        Exception
    ) as error:  # of the network, the URL, the proxy, certificates, or an answer that is no JSON
        hint = f", asked through the proxy {proxy}" if (proxy := _proxy_of(url)) else ""
        raise InputError(
            f"no Prefect server at {url} (PREFECT_API_URL): start it, or unset PREFECT_API_URL ({_cause(error)}{hint})"
        ) from error


def _proxy_of(url: str) -> str | None:
    import urllib.request

    parts = urllib.parse.urlsplit(url)
    if not parts.hostname or urllib.request.proxy_bypass(parts.hostname):
        return None
    return urllib.request.getproxies().get(parts.scheme)
