"""`emodal deploy`."""

from typing import Annotated

import typer

from flows.cli.options import Annotations, ConfigFile, Films, Json, Out, Overrides, Settings, print_result


def deploy(
    films: Films = None,
    annotations: Annotations = None,
    out: Out = None,
    overrides: Overrides = None,
    config: ConfigFile = None,
    set_: Settings = None,
    cron: Annotated[
        str, typer.Option(help="Times of the builds, as in a crontab; empty: no schedule.")
    ] = "0 2 * * *",
    timezone: Annotated[str, typer.Option(help="Time zone of the schedule.")] = "UTC",
    as_json: Json = False,
) -> None:
    """Set up the Prefect server of PREFECT_API_URL: work pool, deployments, schedule, automations.

    Run it again to change something; the same arguments change nothing. Paths are those of the machine that
    runs the worker. If there is no secret for the server (PREFECT_API_AUTH_STRING), one is made and kept in Prefect's
    profile.

    Example: emodal deploy --films /data/films --annotations /data/spans.csv --out /data/build
    """
    from flows.config.load import load_config
    from flows.server.environment import check_settings

    check_settings()
    from flows.server.deploy import deploy as deploy_to_server

    paths = {"films": films, "annotations": annotations, "out": out, "overrides": overrides or None}
    tree = load_config(config, set_ or [], **paths)
    result = deploy_to_server(tree.on_a_schedule(), cron or None, timezone)
    text = _text(result, tree.train)
    print_result(result, text, as_json, brief=text.partition("\n")[0])


def _text(result: dict[str, object], train: bool) -> str:
    when = f"at {result['cron']}" if result["cron"] else "when asked"
    then = ", and trains when the dataset changed" if train else ""
    secret = f"the secret of the server is in {result['secret']}"
    if result["unprotected"]:
        secret += (
            ", but the server does not ask for it, so any web page can start builds: start the server again, with "
            "PREFECT_SERVER_API_AUTH_STRING as in docs/deploying.md"
        )
    return "\n".join(
        [
            f"{result['server']} builds {when}{then}",
            f"prefect worker start --pool {result['work_pool']}    on the machine with the films",
            "prefect deployment run build-dataset    to build now",
            secret,
        ]
    )
