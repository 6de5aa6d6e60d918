"""Reading a reel of clips in a worker process, from a process that loads nothing that reads films itself."""

from typing import Any

from emodal_data.clips.plan import Reel
from emodal_data.clips.read_settings import ReadSettings
from emodal_data.core.worker_pool import WorkerFailed, WorkerPool, by_name

#: Seconds that a whole decode may take for each second of film.
_WHOLE_DECODE_PATIENCE = 2.0


def read_reel_isolated(reel: Reel, settings: ReadSettings, pool: WorkerPool) -> list[dict[str, Any]]:
    """Read a reel in a worker. If the worker crashes or hangs, only the clip at fault is dropped.

    After a crash each clip is tried once alone, and those that fail again get the reason. Result and errors as of
    ingest.read_reel and of WorkerPool.run.
    """
    timeout_s = settings.timeout_s(reel.path, [clip.span for clip in reel.clips])
    if reel.verified:
        timeout_s += _WHOLE_DECODE_PATIENCE * reel.last_s
    try:
        unread: list[dict[str, Any]] = pool.run(
            timeout_s, by_name("emodal_data.clips.ingest:read_reel"), reel, settings
        )
    except WorkerFailed as error:
        if len(reel.clips) == 1:
            from emodal_data.clips.ingest import store_failed

            return store_failed(reel, error.reason, settings)
        alone = (read_reel_isolated(reel.alone(clip), settings, pool) for clip in reel.clips)
        return [row for rows in alone for row in rows]
    return unread
