"""`emodal doctor`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.options import Json, print_result


def doctor(
    film: Annotated[Path, typer.Argument(help="The film to examine.")],
    frames: Annotated[int, typer.Option(min=1, help="Frames to compare with a whole decode.")] = 20,
    as_json: Json = False,
) -> None:
    """Examine a film for anything unusual, and compare some of its frames with a whole decode.

    The exit code is 0 if there is no fault, 1 if there is one, 2 if the film cannot be read.

    Example: emodal doctor film.mkv
    """
    from emodal_data.core.config import ClipsConfig
    from emodal_data.core.errors import Dropped, InputError
    from emodal_data.core.worker_pool import WorkerPool
    from emodal_data.media.doctor import examine_film

    config = ClipsConfig()
    pool = WorkerPool(1, config.memory_mb)  # a decoder that crashes must not end the command
    try:
        found = pool.run(24 * 3600.0, examine_film, film, config, frames)
    except Dropped as dropped:
        raise InputError(f"{film}: {dropped}") from dropped
    finally:
        pool.close()
    result = asdict(found)
    text = _text(result)
    print_result(result, text, as_json, brief=text.splitlines()[-1])
    if found.faults:
        raise typer.Exit(1)


def _text(result: dict[str, Any]) -> str:
    facts = {name: fact for name, fact in result["facts"].items() if fact not in ("", [])}
    lines = [f"{name:<16} {fact}" for name, fact in facts.items() if name != "streams"]
    lines += [f"stream           {stream}" for stream in facts.get("streams", ())]
    lines += [f"note             {note}" for note in result["notes"]]
    lines += [f"fault            {fault}" for fault in result["faults"]]
    checked = " and ".join(f"{count} {what}" for what, count in result["checked"].items())
    return "\n".join([*lines, f"{'checked':<16} {checked or 'nothing'}; {len(result['faults'])} faults"])
