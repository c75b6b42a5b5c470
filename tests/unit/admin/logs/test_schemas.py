from routstr.admin.logs.schemas import HoldInfo
from routstr.ledger.entries import HoldState
from routstr.ledger.kinds import AccountKind
from routstr.ledger.requests import Held
from routstr.money import Msat


def test_a_hold_is_told_in_words_and_seconds() -> None:
    held = Held(
        id=1, account=2, kind=AccountKind.KEY, state=HoldState.OPEN, amount=Msat(5),
        charged=Msat(0), uncollected=Msat(0), model="m", endpoint="/v1/x", rates="r1",
        prompt_tokens=0, completion_tokens=0, estimated=False, provider="p", own_cost=Msat(0),
        created_at=7_900, ended_at=None,
    )  # fmt: skip
    told = HoldInfo.of(held, "key_1")
    assert (told.state, told.key, told.created_at, told.ended_at) == ("open", "key_1", 7, None)
