"""The network of a run: its broker, what is said of it, and the record that a user asked for."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from wenv.errors import WenvError
from wenv.launcher.private_folders import PrivateFolders
from wenv.policy.policy import Policy
from wenv_resolver.progress import Progress

if TYPE_CHECKING:
    from wenv.network.broker import Broker


@contextmanager
def brokered(policy: Policy, private: PrivateFolders, progress: Progress, log: Path | None) -> "Iterator[Broker | None]":
    """What answers a run's orders; None where nothing is granted and nothing recorded.  `log` is a file for the record.

    Raises WenvError if that cannot be written.
    """
    if not policy.net and not policy.listen and log is None:
        yield None
        return
    from wenv.network.broker import Broker  # late: few runs reach anything
    from wenv.network.lane import Lane
    from wenv.network.record import Record, writer

    grants = policy.grants
    for each in grants.listen:
        if not each.is_loopback:
            progress.say(f"warning: whoever reaches this machine can connect to {each}")
    with ExitStack() as stack:
        record = Record()
        if log is not None:
            try:
                record = Record(writer(stack.enter_context(log.open("a", encoding="utf-8"))))
            except OSError as error:
                raise WenvError(f"--log-network {log}: {error.strerror}") from error
        broker = Broker(grants, record=record, say=progress.say, lane=Lane(private.exchange))
        stack.callback(broker.close)
        try:
            yield broker
        finally:
            for words in record.refusals:
                progress.say(f"refused: {words}")
