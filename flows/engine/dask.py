"""A client of a Dask cluster, and a cluster of this machine where there is no other, for as long as it is needed.

Prefect does not know of it: a thread of the flow, or of a training, waits for what a worker of the cluster does.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from emodal_data.core.environment import kept_variables
from emodal_data.core.errors import InputError, WorkError
from flows.config.models import EngineConfig

#: Dask's workers may have no children by default; ours end by themselves when their parent does. Workers of a
#: cluster elsewhere need DASK_DISTRIBUTED__WORKER__DAEMON=False in their environment. The others only wait for
#: the process that does the work, and Dask looks at its own processes up to a hundred times a second, says what it
#: does, and serves pages about it: not here.
_SETTINGS = {
    "distributed.logging": {"distributed": "warning", "distributed.worker": "error"},
    "distributed.worker.daemon": False,
    # A file such as signal.py in the working folder does not hide Python's own module.
    "distributed.nanny.pre-spawn-environ.PYTHONSAFEPATH": "1",
    "distributed.worker.profile.enabled": False,
    "distributed.worker.http.routes": [],
    "distributed.scheduler.http.routes": [],
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
}


@contextlib.contextmanager
def dask_client(config: EngineConfig, worker_count: int) -> Iterator[Any]:
    """A client of the engine's Dask cluster; a cluster of this machine ends with it.

    worker_count: of a cluster of this machine, to begin with.
    Raises InputError if Dask is not installed or no scheduler answers, WorkError if its processes do not start.
    """
    try:
        import dask

        dask.config.set(_SETTINGS)  # some are looked at once, when the rest is imported
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise InputError("engine.kind = dask needs Dask: pip install 'emodal[dask]'") from error
    with contextlib.ExitStack() as open_ones:
        address: Any = config.dask_address
        if address is None:
            # Dask sets the variables of its workers in the process that starts them.
            open_ones.enter_context(kept_variables(dask.config.get("distributed.nanny.pre-spawn-environ")))
            try:
                address = open_ones.enter_context(
                    LocalCluster(
                        n_workers=worker_count,
                        threads_per_worker=1,
                        dashboard_address=None,
                        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # it listens all the same
                        memory_limit=0,  # they hold nothing; their own workers have a limit
                    )
                )
            except RuntimeError as error:
                # Dask's processes import the caller's script again; those of emodal_data.core.worker_process do not.
                raise WorkError(
                    "the local Dask cluster did not start; a script that uses engine.kind = dask must call emodal "
                    "below `if __name__ == '__main__':`"
                ) from error
        try:
            client = open_ones.enter_context(Client(address))
        except OSError as error:
            raise InputError(f"engine.dask_address = {address}: no scheduler answers there") from error
        except TypeError as error:  # Dask's words for a tls:// address without certificates
            raise InputError(f"engine.dask_address = {address}: {error}") from error
        yield client
