"""Lets `prefect deployment run build-dataset` find build-dataset/build-dataset, as people type it.

Prefect loads this through the entry point group `prefect.plugins`, if PREFECT_PLUGINS_ENABLED is on.
"""

from collections.abc import Callable
from typing import Any

from prefect.plugins import HookContext, register_hook


@register_hook
def setup_environment(*, ctx: HookContext) -> None:
    """Teach both of Prefect's clients that a deployment X is X/X."""
    from prefect.client.orchestration import PrefectClient, SyncPrefectClient

    for client in (PrefectClient, SyncPrefectClient):
        client.read_deployment_by_name = _by_short_name(client.read_deployment_by_name)  # type: ignore[method-assign]


def full_name(name: str) -> str:
    """FLOW/DEPLOYMENT for a name; one without a slash is both."""
    return name if "/" in name else f"{name}/{name}"


def _by_short_name(read: Callable[..., Any]) -> Callable[..., Any]:
    def read_deployment_by_name(self: Any, name: str) -> Any:
        """Read a deployment by FLOW/DEPLOYMENT, or by its name alone where both are the same."""
        return read(self, full_name(name))

    return read_deployment_by_name
