from sqlalchemy import create_engine, insert
from sqlmodel import SQLModel

from routstr.money import Unit
from routstr.wallet.holdings import Holding, holdings
from routstr.wallet.models import KeysetRow, ProofRow, ProofStatus

_OTHER = "https://b.example"
_PROOFS = [
    (1, 4, ProofStatus.UNSPENT),
    (1, 2, ProofStatus.UNSPENT),
    (1, 8, ProofStatus.RESERVED),
    (1, 1, ProofStatus.ISSUED),
    (1, 64, ProofStatus.SPENT),
    (2, 16, ProofStatus.UNSPENT),
    (3, 32, ProofStatus.ISSUED),
]


def test_proofs_are_added_up_by_mint_unit_and_status_spent_ones_left_out() -> None:
    engine = create_engine("sqlite://")
    keysets = [
        (1, "https://a.example", "sat"),
        (2, "https://a.example", "msat"),
        (3, _OTHER, "sat"),
    ]
    tables = [SQLModel.metadata.tables[name] for name in ("keysets", "proofs")]
    with engine.connect() as connection:
        SQLModel.metadata.create_all(connection, tables=tables)
        for number, mint, unit in keysets:
            connection.execute(
                insert(KeysetRow).values(
                    id=number, mint=mint, keyset_id=f"00{number}", unit=unit, active=True,
                    input_fee_ppk=0, keys="{}", counter=0,
                )
            )  # fmt: skip
        for counter, (keyset, amount, status) in enumerate(_PROOFS):
            connection.execute(
                insert(ProofRow).values(
                    keyset=keyset, counter=counter, amount=amount, c=b"", y=bytes([counter]),
                    status=int(status),
                )
            )  # fmt: skip
        found = holdings(connection)
    engine.dispose()
    assert found == [
        Holding("https://a.example", Unit.MSAT, 16, 0, 0),
        Holding("https://a.example", Unit.SAT, 6, 8, 1),
        Holding(_OTHER, Unit.SAT, 0, 0, 32),
    ]
