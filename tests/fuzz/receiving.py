"""Redeeming a token for a key, and what the answer must have been."""

from dataclasses import dataclass, field

from routstr.auth.service import Payer
from routstr.errors import AuthError, KeyExpired
from tests.fuzz.explain import Alternatives, Broken, Track, track
from tests.fuzz.model import Model, demand
from tests.fuzz.node import Node
from tests.fuzz.offering import Offering, UserToken
from tests.fuzz.operations import Answer, Scene


@dataclass(frozen=True)
class Receive(Offering):
    """Redeem a token: into a new key, or as a top-up of ``payer``."""

    given: UserToken = field(repr=False)
    text: str = field(repr=False)
    payer: Payer | None
    bearer: bool = False

    @property
    def kind(self) -> str:
        return "create" if self.payer is None else "topup"

    @property
    def account(self) -> int | None:
        return None if self.payer is None else self.payer.account

    async def ask(self, node: Node) -> int:
        """The account."""
        if self.payer is not None:
            saga = await node.auth.top_up(self.payer, self.text)
            if (saga.account, int(saga.net_msat)) != (self.payer.account, self.given.net):
                raise Broken(f"{self} is answered {saga}")
            return self.payer.account
        if self.bearer:
            return (await node.auth.payer(f"Bearer {self.text}")).account
        return (await node.auth.create_api_key(self.text)).payer.account

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        if isinstance(answer.error, KeyExpired) and self.bearer:
            return [[Track(self.owners(scene), (lambda m: self._is_expired(m, scene),))]]
        if isinstance(answer.error, AuthError) and self.payer is None:
            return [[Track(self.owners(scene), (self._was_rotated,))]]
        if answer.value is None:
            return self.refused(answer, scene)
        return self.told(answer, scene)

    def told(self, answer: Answer, _scene: Scene) -> Alternatives:
        """Explain an answer that names an account."""
        account: int = answer.value
        ys, net = self.given.ys, self.given.net
        return [[track(account, lambda m: m.redeem(ys, self.kind, account, net))]]

    def _was_rotated(self, model: Model) -> None:
        known = self.redeemed(model)
        gone = known is not None and model.account(known.account).generation > 0
        demand(gone, f"{self} is answered that the key is unknown, and made {known}")

    def _is_expired(self, model: Model, scene: Scene) -> None:
        known = self.redeemed(model)
        until = None if known is None else model.account(known.account).expires_at
        demand(until is not None and until <= scene.until, f"{self}: the key lasts until {until}")
