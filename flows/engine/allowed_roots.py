"""Where a run of a deployment may read and write: only below the roots of its deployment."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from emodal_data.core.errors import InputError


def check_roots(locations: Mapping[str, str]) -> None:
    """Raise InputError if a run of a deployment names a place outside the deployment's engine.allowed_roots.

    locations: paths and URLs, by the setting that names each. The roots are read from the deployment, because whoever
    starts a run chooses its parameters. A run without a deployment, or of a deployment without roots, has no limits.
    """
    if not runtime.deployment.id:
        return
    try:
        with get_client(sync_client=True) as client:
            parameters = client.read_deployment(runtime.deployment.id).parameters
    except ObjectNotFound as error:
        raise InputError(
            "the deployment of this run is gone: deploy again, and start a run of that"
        ) from error
    engine = parameters.get("engine") or parameters.get("config", {}).get("engine", {})
    refuse_outside(locations, engine.get("allowed_roots", ()))


def refuse_outside(locations: Mapping[str, str], roots: Iterable[str]) -> None:
    """Raise InputError if a location lies outside all roots; without roots, nothing is outside."""
    roots = list(roots)
    for name, location in locations.items():
        if roots and not any(_is_within(location, root) for root in roots):
            raise InputError(
                f"{name} = {location}: outside the deployment's engine.allowed_roots ({', '.join(roots)}); name a "
                "place inside, or deploy again with this one among them"
            )


def _is_within(location: str, root: str) -> bool:
    """Whether a path or URL is the root or below it. Links are followed; a URL has to begin with the root's letters."""
    if "://" not in location:
        return "://" not in root and Path(os.path.realpath(location)).is_relative_to(os.path.realpath(root))
    if ".." in unquote(location).split("/"):
        return False
    return location == root or location.startswith(root.rstrip("/") + "/")
