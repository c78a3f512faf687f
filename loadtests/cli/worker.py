"""`loadtests worker`: lends this machine to the runs of a `loadtests master`."""

import sys

import click

from loadtests.errors import GeneratorFault

__all__ = ["command"]


@click.command("worker")
@click.option("--master-host", required=True, help="Where the master is.")
@click.option("--master-port", type=click.IntRange(1, 65535), default=5557, show_default=True)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Engine processes; as many as cores that can be spared.",
)
@click.option(
    "--wait", type=click.FloatRange(1), default=120, show_default=True, help="Seconds to look for the master."
)
def command(*, master_host: str, master_port: int, processes: int, wait: float) -> None:
    """Join the master, and run engine processes for it until it says that the run is over.

    Exits 0 then, and 3 when the master refuses or gives up this worker, or falls silent. It is told the plan and the
    files it names; they are gone when it ends.
    """
    from loadtests.swarm.worker import serve

    farewell = serve(master_host, master_port, processes=processes, wait_s=wait, say=_say)
    _say(f"ends: {farewell.reason}")
    sys.exit(0 if farewell.done else GeneratorFault.exit_code)


def _say(sentence: str) -> None:
    click.echo(f"worker: {sentence}", err=True)
