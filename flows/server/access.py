"""Who may use the Prefect server: a secret that client and server share, and the origins of its pages.

Without them, any page that is open in a browser of the machine could start runs.
"""

import secrets
import urllib.parse
from pathlib import Path

import httpx
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_KEY,
    PREFECT_PROFILES_PATH,
    PREFECT_SERVER_API_AUTH_STRING,
    PREFECT_SERVER_CORS_ALLOWED_ORIGINS,
    PREFECT_SERVER_CSRF_PROTECTION_ENABLED,
    load_current_profile,
    update_current_profile,
)

from flows.server.environment import ANSWER_TIMEOUT_S

_LOOPBACK = ("127.0.0.1", "localhost")


def ensure_secret(url: str) -> str:
    """Let the client have a secret for the server at url; returns where it is: a file, or a setting's name.

    One that is made goes into the profile of Prefect, also for a server that this user starts, together with
    protection against forged requests and the origins of the server's own pages.
    """
    if PREFECT_API_KEY.value():
        return PREFECT_API_KEY.name
    profiles = Path(PREFECT_PROFILES_PATH.value())
    if load_current_profile().settings.get(PREFECT_API_AUTH_STRING):
        return str(profiles)
    if PREFECT_API_AUTH_STRING.value():
        return PREFECT_API_AUTH_STRING.name
    secret = f"emodal:{secrets.token_urlsafe(32)}"
    update_current_profile(
        {
            PREFECT_API_AUTH_STRING: secret,
            PREFECT_SERVER_API_AUTH_STRING: secret,
            PREFECT_SERVER_CSRF_PROTECTION_ENABLED: True,
            PREFECT_SERVER_CORS_ALLOWED_ORIGINS: ",".join(origins(url)),
        }
    )
    profiles.chmod(0o600)
    return str(profiles)


def origins(url: str) -> list[str]:
    """The origins of the pages of the server with this API: its own; on loopback by both names."""
    parts = urllib.parse.urlsplit(url)
    hosts = _LOOPBACK if parts.hostname in _LOOPBACK else (parts.hostname,)
    port = f":{parts.port}" if parts.port else ""
    return [f"{parts.scheme}://{host}{port}" for host in hosts]


def is_open(url: str) -> bool:
    """Whether the server answers who does not say the secret. Raises httpx.TransportError if it does not answer."""
    answer = httpx.get(f"{url.rstrip('/')}/admin/version", timeout=ANSWER_TIMEOUT_S)
    return answer.status_code == httpx.codes.OK
