from routstr.admin.access_desk import Session, Token
from routstr.admin.access_schemas import SessionAnswer, SignInAnswer, TokenAnswer
from routstr.admin.repository import SignInRecord
from routstr.admin.scopes import Scope


def test_times_are_told_in_seconds() -> None:
    token = Token(1, "t", "sk-admin-abcd…", (Scope.READ,), 1_999, None, 3_000, expired=False)
    told = TokenAnswer.of(token)
    assert (told.created_at, told.expires_at, told.last_used_at) == (1, None, 3)
    session = SessionAnswer.of(Session(1, 1_000, 2_000, 3_000, "a", "b", here=True))
    assert (session.begun_at, session.seen_at, session.expires_at) == (1, 2, 3)
    assert session.current
    assert SignInAnswer.of(SignInRecord(9_000, "a", "b", succeeded=False)).at == 9
