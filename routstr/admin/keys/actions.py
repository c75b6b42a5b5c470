"""What an operator does with keys. ``call`` names each call: repeated it is done once."""

from dataclasses import dataclass
from typing import Final

from msgspec import UNSET

from routstr.admin.keys.desk import KeyDesk
from routstr.admin.keys.requests import NewKey, Revoke, Rules
from routstr.admin.keys.schemas import (
    MadeKey,
    RevokeAnswer,
    TopUpAnswer,
    WithdrawAnswer,
)
from routstr.auth.custody import Custody
from routstr.auth.custody import Rules as Changes
from routstr.auth.service import Authenticator
from routstr.auth.terms import KeyTerms
from routstr.core.logging import get_logger
from routstr.errors import InvalidParameter, NodeError, RoutstrError
from routstr.ledger.limits import Reset
from routstr.money import Msat, Unit
from routstr.payment.lightning_refund import LightningRefunds
from routstr.payment.withdrawals import KeyWithdrawals, Wish, Withdrawn
from routstr.wallet.mints import Mints

_MS: Final = 1_000
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeyActions:
    """Changes keys, and moves what is on them."""

    desk: KeyDesk
    custody: Custody
    withdrawals: KeyWithdrawals
    lightning: LightningRefunds
    auth: Authenticator
    mints: Mints

    async def create(self, call: str, wanted: NewKey) -> MadeKey:
        """Make a key. Raises what the token or the surplus is to blame for."""
        terms = KeyTerms(
            expires_at=None if wanted.validity_date is None else wanted.validity_date * _MS,
            balance_limit=None if wanted.balance_limit is None else Msat(wanted.balance_limit),
            balance_limit_reset=wanted.balance_limit_reset,
            name=wanted.name,
        )
        repeated = False
        given, amount = wanted.initial_balance_token, wanted.amount_msats
        if (given is None) is (amount is None):
            raise InvalidParameter(
                "Either a token pays for the key or an amount of the operator's own.",
                details={"param": "amount_msats"},
            )
        if given is not None:
            created = await self.auth.create_api_key(given.reveal().strip(), terms=terms)
            made, public_id = created.payer.key, created.payer.key_id
            repeated = not created.fresh
            if wanted.note and created.fresh:
                await self.custody.change(public_id, Changes(note=wanted.note))
        else:
            assert amount is not None, "one of the two is given"
            mint = self.mints.urls[0] if self.mints.urls else ""
            own = await self.custody.make(
                call, Msat(amount), mint, Unit.SAT, terms, wanted.note or None
            )
            made, public_id = own.key, own.public_id
        _log.info("key_made_by_operator", key=public_id)
        row = await self.desk.row(public_id)
        return MadeKey(api_key=made, id=public_id, balance=row.available, repeated=repeated)

    async def change(self, public_id: str, rules: Rules) -> None:
        """Change what is named; raises NoSuchKey, InvalidParameter."""
        named = rules.model_fields_set
        changed = Changes(
            name=(rules.name or None) if "name" in named else UNSET,
            note=(rules.note or None) if "note" in named else UNSET,
            expires_at=_ms(rules.validity_date) if "validity_date" in named else UNSET,
        )
        if named & {"balance_limit", "balance_limit_reset"}:
            changed = await self._with_limit(public_id, rules, changed)
        await self.custody.change(public_id, changed)
        _log.info("key_changed_by_operator", key=public_id, changed=sorted(named))

    async def expire(self, public_id: str) -> None:
        """Let a key expire now; raises NoSuchKey."""
        await self.custody.expire(public_id)
        _log.info("key_expired_by_operator", key=public_id)

    async def top_up(self, call: str, public_id: str, amount: Msat) -> TopUpAnswer:
        """Credit a key out of the operator's own money; raises SurplusTooSmall."""
        row = await self.desk.row(public_id)
        is_new = await self.custody.credit(row.public_id, call, amount)
        _log.info("key_credited_by_operator", key=public_id, amount_msat=int(amount), new=is_new)
        return TopUpAnswer(balance=(await self.desk.row(public_id)).available, repeated=not is_new)

    async def withdraw(
        self,
        call: str,
        public_id: str,
        amount: Msat | None = None,
        mint: str | None = None,
        unit: Unit | None = None,
    ) -> WithdrawAnswer:
        """Give a balance out as a token; see :meth:`KeyWithdrawals.withdraw`."""
        row = await self.desk.row(public_id)
        home = (row.mint, Unit(row.unit))
        wish = Wish(call, row.account, home, amount, mint or None, unit)
        made = await self.withdrawals.withdraw(wish)
        _log.info("key_withdrawn_by_operator", key=public_id, saga=made.saga)
        return await self._answer(public_id, made)

    async def token_again(self, public_id: str, saga: int) -> WithdrawAnswer:
        """Tell a token that was made by :meth:`withdraw` once more; raises RefundNotFound."""
        row = await self.desk.row(public_id)
        return await self._answer(public_id, await self.withdrawals.again(row.account, saga))

    async def revoke(self, call: str, public_id: str, how: Revoke) -> RevokeAnswer:
        """End a key, then pay out what is on it. What fails of that is told; the key has ended."""
        if how.refund == "lightning":
            if not how.lightning_address:
                raise InvalidParameter(
                    "A Lightning address is needed.", details={"param": "lightning_address"}
                )
            self.lightning.check(how.lightning_address)
        await self.custody.revoke(public_id)
        _log.info("key_revoked_by_operator", key=public_id)
        detail = await self.desk.one(public_id)
        answer = RevokeAnswer(key=detail)
        if detail.parent is not None or how.refund == "none" or not detail.balance:
            return await self._repeated(answer, call, public_id, how)
        try:
            await self._pay_out(answer, call, public_id, how)
        except NodeError:
            raise
        except RoutstrError as error:
            answer.problem = error.message
        answer.key = await self.desk.one(public_id)
        return answer

    async def _pay_out(self, answer: RevokeAnswer, call: str, public_id: str, how: Revoke) -> None:
        if how.refund == "token":
            answer.token = await self.withdraw(call, public_id)
            return
        row = await self.desk.row(public_id)
        paid = await self.lightning.pay(
            row.account, row.mint, Unit(row.unit), how.lightning_address or "", rest=True
        )
        answer.paid_msats, answer.recipient = paid.amount, paid.recipient

    async def _repeated(
        self, answer: RevokeAnswer, call: str, public_id: str, how: Revoke
    ) -> RevokeAnswer:
        """Tell the token of a call that has paid everything out before, if it has."""
        if answer.key.parent is None and how.refund == "token":
            row = await self.desk.row(public_id)
            wish = Wish(call, row.account, (row.mint, Unit(row.unit)))
            made = await self.withdrawals.made(wish)
            answer.token = None if made is None else await self._answer(public_id, made)
        return answer

    async def _answer(self, public_id: str, made: Withdrawn) -> WithdrawAnswer:
        row = await self.desk.row(public_id)
        return WithdrawAnswer(
            id=made.saga,
            token=made.token,
            mint_url=made.mint,
            amount=made.amount,
            unit=made.unit.value,
            debited=made.debited,
            mint_fee=made.mint_fee,
            balance=row.available,
            repeated=made.repeated,
        )

    async def _with_limit(self, public_id: str, rules: Rules, changed: Changes) -> Changes:
        """Add the limit; what is not named of it stays as it is."""
        now = (await self.desk.one(public_id)).limit
        named = rules.model_fields_set
        cap = rules.balance_limit
        if "balance_limit" not in named:
            cap = None if now is None else now.cap
        word: str | None = rules.balance_limit_reset
        if "balance_limit_reset" not in named:
            word = None if now is None else now.reset
        if cap is None and "balance_limit_reset" not in named:
            word = None  # without a cap there is nothing to begin anew
        return Changes(
            name=changed.name,
            note=changed.note,
            expires_at=changed.expires_at,
            cap=None if cap is None else Msat(cap),
            reset=Reset.NEVER if word is None else Reset[word.upper()],
        )


def _ms(at: int | None) -> int | None:
    return None if at is None else at * _MS
