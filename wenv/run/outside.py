"""What a run or a session may have of the program that started it, and of the network."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wenv.errors import UsageError
from wenv.guest.request import Granted
from wenv.launcher.children import WHOLE, Children
from wenv.launcher.private_folders import PrivateFolders
from wenv.policy.policy import Policy
from wenv_resolver.progress import Progress

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from wenv.launcher.plan import Plan
    from wenv.launcher.preopens import Preopen
    from wenv.network.broker import Broker
    from wenv.network.calls import Call, CallLimits
    from wenv.network.functions import HostFunctions
    from wenv.network.secrets import Vault


@dataclass
class Outside:
    """See `wenv.api.session.OpenEnvironment.session` for the first four and `secrets`; `loop` runs coroutine functions,
    `authority` are certificates (PEM) that are trusted besides the host's.

    Raises TypeError and ValueError for what is no function.
    """

    log_network: Callable[[dict[str, Any]], object] | None = None
    functions: Mapping[str, Callable[..., Any]] | None = None
    call_limits: "CallLimits | None" = None
    on_output: Callable[[str, str], object] | None = None
    loop: "AbstractEventLoop | None" = None
    secrets: Mapping[str, tuple[str, str | Sequence[str]]] = field(default_factory=dict, repr=False)
    authority: str = ""
    _vault: "Vault | None" = field(default=None, init=False, repr=False)
    _made: "HostFunctions | None" = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.functions:
            from wenv.network.calls import CallLimits
            from wenv.network.functions import HostFunctions

            self._made = HostFunctions(self.functions, self.call_limits or CallLimits(), self.loop)

    @property
    def calls(self) -> "list[Call]":
        """The last calls of functions."""
        return [] if self._made is None else list(self._made.calls)

    def has_network(self, policy: Policy) -> bool:
        """Whether a session may reach anything, or what it tries is to be told."""
        return bool(policy.net or policy.listen or policy.secrets or self.secrets or self.log_network is not None)

    @property
    def definitions(self) -> dict[str, str]:
        """The functions as a guest is told of them, by name."""
        return {} if self._made is None else self._made.definitions

    def granted(self, policy: Policy) -> list[Granted]:
        """What is answered."""
        network: list[Granted] = ["network"] if self.has_network(policy) else []
        return ["children", *network, *(["functions"] if self.definitions else [])]  # type: ignore[list-item]

    def vault(self, policy: Policy) -> "Vault | None":
        """The secrets of a run, which have placeholders once for all its guests; None for none.

        Raises UsageError for a value that cannot be had, or a host that may not be reached.
        """
        if self._vault is None and (policy.secrets or self.secrets):
            from wenv.network.grants import Grant
            from wenv.network.secrets import Named, Secret, Vault

            grants = policy.grants
            try:
                held = Vault.of(map(Named.parse, policy.secrets), grants).held
                for name, (value, hosts) in self.secrets.items():
                    named = [hosts] if isinstance(hosts, str) else hosts
                    held += (Secret.made(name, value, map(Grant.parse, named)),)
                self._vault = Vault(held, grants)
            except ValueError as error:
                raise UsageError(f"{'secrets' if self.secrets else '--secret'}: {error}") from error
        return self._vault

    def broker(
        self, policy: Policy, private: PrivateFolders, say: Callable[[str], object] = lambda words: None
    ) -> "Broker | None":
        """What answers the orders of a new guest; None if nothing is to be answered.  `say` has words for the user."""
        if self._made is None and not self.has_network(policy):
            return None
        from wenv.network.broker import Broker  # late: few sessions have one
        from wenv.network.lane import Lane
        from wenv.network.record import Record

        lane = Lane(private.exchange) if self.has_network(policy) else None
        return Broker(
            policy.grants,
            record=Record(self.log_network),
            say=say,
            lane=lane,
            functions=self._made,
            vault=self.vault(policy),
            authority=self.authority,
        )

    def children(self, told: Mapping[str, Any], broker: "Broker | None") -> Children:
        """What starts programs for a new guest, whose own orders `broker` answers; see `told`."""

        def hear(event: dict[str, Any]) -> None:
            if broker is not None and "refusal" in event:
                broker.record.refused(str(event["refusal"]))
            elif self.log_network is not None:
                self.log_network(event)

        return Children(lambda: told, WHOLE, hear)

    def told(
        self,
        plan: "Plan",
        request: Mapping[str, Any],
        policy: Policy,
        shared: "Sequence[Preopen]",
        private: PrivateFolders,
        *,
        inherits: bool,
    ) -> dict[str, Any]:
        """What the process is told that starts programs (`wenv.children.keeper.Told`); `inherits` says whether they may have
        this process's standard streams."""
        network = self.remote(policy, private).order if self.has_network(policy) else None
        return {
            "plan": plan, "request": request, "policy": policy.as_json(), "shared": list(shared), "root": private.root,
            "inherits": inherits, "network": network,
        }  # fmt: skip

    def remote(self, policy: Policy, private: PrivateFolders) -> "RemoteOutside":
        """The same for a guest in another process."""
        return RemoteOutside(self, policy, private)


@dataclass(frozen=True)
class RemoteOutside:
    """What is told to the process that holds a guest, and done for it here."""

    outside: Outside
    policy: Policy
    private: PrivateFolders

    @property
    def order(self) -> dict[str, Any] | None:
        """What the process makes its broker of; None for none."""
        made, vault = self.outside._made, self.outside.vault(self.policy)
        if made is None and not self.outside.has_network(self.policy):
            return None
        return {
            "net": list(self.policy.net), "listen": list(self.policy.listen), "bytes": self.policy.net_bytes,
            "logged": self.outside.log_network is not None, "calls": made is not None,
            "lane": self.private.exchange if self.outside.has_network(self.policy) else "",
            "authority": self.outside.authority, "secrets": [] if vault is None else vault.as_json(),
        }  # fmt: skip

    @property
    def streams(self) -> bool:
        """Whether output is wanted while code runs."""
        return self.outside.on_output is not None

    def event(self, event: dict[str, Any]) -> None:
        """Something was tried."""
        if self.outside.log_network is not None:
            self.outside.log_network(event)

    def call(self, name: str, arguments: list[Any], keywords: dict[str, Any]) -> dict[str, Any]:
        """The answer to a call of a function."""
        from wenv.network.functions import FunctionError

        assert self.outside._made is not None
        try:
            return {"text": self.outside._made.call(name, arguments, keywords, lambda: False)}
        except FunctionError as error:
            return {"kind": error.kind, "message": str(error)}


@contextmanager
def brokered(policy: Policy, private: PrivateFolders, progress: Progress, outside: Outside) -> "Iterator[Broker | None]":
    """What answers a run's orders; None where nothing is to be answered.  Says what was refused, at the end."""
    for each in policy.grants.listen if policy.listen else ():
        if not each.is_loopback:
            progress.say(f"warning: whoever reaches this machine can connect to {each}")
    broker = outside.broker(policy, private, progress.say)
    if broker is None:
        yield None
        return
    try:
        yield broker
    finally:
        broker.close()
        for words in broker.record.refusals:
            progress.say(f"refused: {words}")
