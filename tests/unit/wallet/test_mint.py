from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from routstr.money import Unit
from routstr.wallet.crypto import hash_to_curve
from routstr.wallet.keysets import KeysetInfo
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import MintRefusal, MintUnclear
from routstr.wallet.mint_types import MeltQuoteState, MintQuoteState, ProofState
from routstr.wallet.proofs import finish
from tests.unit.wallet.fake_mint import FakeMint, Json

Change = Callable[[Json], object]


def twist(fake: FakeMint, path: str, change: Change) -> None:
    """Change the proper answer in place."""

    def twisted(answer: Json) -> Json:
        change(answer)
        return answer

    fake.twist[path] = twisted


async def test_info_and_keysets_are_read(fake: FakeMint, mint: Mint) -> None:
    info = await mint.info()
    assert (info.name, info.version, info.motd) == ("Fake", "Fake/1", "")
    assert info.supports(7)
    assert not info.supports(9)
    (keyset,) = await mint.keysets()
    assert keyset == fake.signer.info
    assert await mint.keys(keyset) == fake.signer.keyset
    assert fake.paths() == ["/v1/info", "/v1/keysets", f"/v1/keys/{keyset.id}"]


async def test_keysets_of_unknown_kinds_are_left_out(fake: FakeMint, mint: Mint) -> None:
    others = [
        {"id": "9mlfd5vCzgGl", "unit": "sat", "active": False},
        {"id": "02" + "0" * 64, "unit": "sat", "active": True},
    ]
    twist(fake, "/v1/keysets", lambda answer: answer["keysets"].extend(others))
    assert await mint.keysets() == (fake.signer.info,)


@pytest.mark.parametrize(
    "change",
    [
        lambda k: k.append(k[0]),
        lambda k: k[0].update(input_fee_ppk=-1),
        lambda k: k[0].update(input_fee_ppk=10**9),
        lambda k: k[0].update(input_fee_ppk="1"),
        lambda k: k[0].update(active="yes"),
        lambda k: k[0].update(unit=None),
        lambda k: k[0].pop("id"),
        lambda k: k[0].update(final_expiry=-1),
    ],
)
async def test_a_twisted_list_of_keysets_is_unclear(
    fake: FakeMint, mint: Mint, change: Callable[[list[Json]], object]
) -> None:
    twist(fake, "/v1/keysets", lambda answer: change(answer["keysets"]))
    with pytest.raises(MintUnclear):
        await mint.keysets()


@pytest.mark.parametrize(
    "change",
    [
        lambda k: k.clear(),
        lambda k: k.append(k[0]),
        lambda k: k[0].update(id="009a1f293253e41e"),
        lambda k: k[0].update(unit="msat"),
        lambda k: k[0].update(keys=None),
        lambda k: k[0]["keys"].pop("1"),
        lambda k: k[0]["keys"].update({"1": k[0]["keys"]["2"]}),
        lambda k: k[0]["keys"].update({"1": "zz"}),
        lambda k: k[0]["keys"].update({"x": k[0]["keys"]["2"]}),
    ],
)
async def test_keys_that_do_not_make_the_id_are_unclear(
    fake: FakeMint, mint: Mint, change: Callable[[list[Json]], object]
) -> None:
    twist(fake, "/v1/keys/", lambda answer: change(answer["keysets"]))
    with pytest.raises(MintUnclear):
        await mint.keys(fake.signer.info)


async def test_keys_with_another_fee_than_listed_do_not_make_the_id(
    fake: FakeMint, mint: Mint
) -> None:
    with pytest.raises(MintUnclear, match="do not belong"):
        await mint.keys(replace(fake.signer.info, input_fee_ppk=100))


async def test_a_swap_gives_signatures_that_finish_as_proofs(fake: FakeMint, mint: Mint) -> None:
    signer = fake.signer
    inputs = [proof.for_token() for proof in signer.issue([4, 8])]
    outputs = signer.outputs([4, 8], first_counter=10)
    proofs = finish(outputs, await mint.swap(inputs, outputs), signer.keyset)
    assert [proof.amount for proof in proofs] == [4, 8]
    ((_, _, body),) = fake.requests
    assert body["inputs"][0] == {
        "amount": 4,
        "id": signer.id,
        "secret": inputs[0].secret,
        "C": inputs[0].c.hex(),
    }
    assert body["outputs"][1] == {
        "amount": 8,
        "id": signer.id,
        "B_": outputs[1].blinded.hex(),
    }


async def test_the_mint_never_sees_a_blinding_factor(fake: FakeMint, mint: Mint) -> None:
    inputs = [proof.for_token() for proof in fake.signer.issue([4])]
    assert inputs[0].dleq
    outputs = fake.signer.outputs([4], first_counter=10)
    await mint.swap(inputs, outputs)
    sent = str(fake.requests)
    for r in (inputs[0].dleq.r, outputs[0].r):
        assert r.hex() not in sent


signature_changes: list[Callable[[list[Json]], object]] = [
    lambda s: s.pop(),
    lambda s: s.append(s[0]),
    lambda s: s.clear(),
    lambda s: s.reverse(),
    lambda s: s[0].update(amount=8),
    lambda s: s[0].update(amount=0),
    lambda s: s[0].update(amount=-4),
    lambda s: s[0].update(amount=1 << 63),
    lambda s: s[0].update(amount="4"),
    lambda s: s[0].update(id="009a1f293253e41e"),
    lambda s: s[0].update(id=s[0]["id"][:16]),
    lambda s: s[0].update(C_="02" + "f" * 64),
    lambda s: s[0].update(C_="zz"),
    lambda s: s[0].update(C_=""),
    lambda s: s[0].update(C_=None),
    lambda s: s[0]["dleq"].update(e="00" * 32),
    lambda s: s[0]["dleq"].update(s="01"),
    lambda s: s[0]["dleq"].pop("s"),
    lambda s: s[0].update(dleq=[]),
]


@pytest.mark.parametrize("change", signature_changes)
@pytest.mark.parametrize("path", ["/v1/swap", "/v1/mint/bolt11"])
async def test_twisted_signatures_are_unclear(
    fake: FakeMint, mint: Mint, path: str, change: Callable[[list[Json]], object]
) -> None:
    twist(fake, path, lambda answer: change(answer["signatures"]))
    outputs = fake.signer.outputs([4, 16])
    call = mint.swap([], outputs) if path == "/v1/swap" else mint.mint("mint-quote", outputs)
    with pytest.raises(MintUnclear):
        await call


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s[0].update(C_=s[1]["C_"]),
        lambda s: s[0].update(dleq=s[1]["dleq"]),
    ],
)
async def test_a_signature_by_another_key_is_found_out_when_finished(
    fake: FakeMint, mint: Mint, change: Callable[[list[Json]], object]
) -> None:
    twist(fake, "/v1/swap", lambda answer: change(answer["signatures"]))
    outputs = fake.signer.outputs([4, 16])
    signatures = await mint.swap([], outputs)
    with pytest.raises(MintUnclear, match="did not sign with the key"):
        finish(outputs, signatures, fake.signer.keyset)


async def test_states_come_in_the_order_of_the_question_in_batches(
    fake: FakeMint, mint: Mint
) -> None:
    ys = [hash_to_curve(str(n).encode()) for n in range(250)]
    fake.spent = {ys[3].hex(), ys[249].hex()}
    states = await mint.check_state(ys)
    assert [i for i, state in enumerate(states) if state is ProofState.SPENT] == [3, 249]
    assert len(states) == 250
    assert [len(body["Ys"]) for _, _, body in fake.requests] == [100, 100, 50]
    assert await mint.check_state([]) == []
    assert len(fake.requests) == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.pop(),
        lambda s: s.append(s[0]),
        lambda s: s.reverse(),
        lambda s: s[0].update(Y=s[1]["Y"]),
        lambda s: s[0].update(state="UNKNOWN"),
        lambda s: s[0].update(state=None),
    ],
)
async def test_twisted_states_are_unclear(
    fake: FakeMint, mint: Mint, change: Callable[[list[Json]], object]
) -> None:
    twist(fake, "/v1/checkstate", lambda answer: change(answer["states"]))
    with pytest.raises(MintUnclear):
        await mint.check_state([hash_to_curve(b"1"), hash_to_curve(b"2")])


async def test_restore_finds_what_was_signed_whatever_its_amount(
    fake: FakeMint, mint: Mint
) -> None:
    signer = fake.signer
    first, second = signer.outputs([4]), signer.outputs([8], first_counter=120)
    await mint.swap([], first)
    await mint.swap([], second)
    blanks = signer.outputs([0] * 150)
    restored = await mint.restore(blanks)
    assert [entry.index for entry in restored] == [0, 120]
    proofs = finish(
        [blanks[entry.index] for entry in restored],
        [entry.signature for entry in restored],
        signer.keyset,
    )
    assert [(proof.counter, proof.amount) for proof in proofs] == [(0, 4), (120, 8)]
    assert [len(body["outputs"]) for _, _, body in fake.requests[2:]] == [100, 50]
    assert {output["amount"] for output in fake.requests[2][2]["outputs"]} == {1}
    assert await mint.restore(signer.outputs([0], first_counter=5)) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a["outputs"].pop(),
        lambda a: a["signatures"].pop(),
        lambda a: a["outputs"].reverse(),
        lambda a: a["outputs"][0].update(B_=a["outputs"][1]["B_"]),
        lambda a: a["outputs"][0].update(B_="02" * 33),
        lambda a: (
            a["outputs"].append(a["outputs"][0]),
            a["signatures"].append(a["signatures"][0]),
        ),
        lambda a: a["signatures"][0].update(amount=16),
        *(
            lambda a, c=c: c(a["signatures"])
            for c in signature_changes
            if c not in signature_changes[:4]
        ),
    ],
)
async def test_a_twisted_restore_is_unclear(fake: FakeMint, mint: Mint, change: Change) -> None:
    outputs = fake.signer.outputs([4, 8])
    await mint.swap([], outputs)
    twist(fake, "/v1/restore", change)
    with pytest.raises(MintUnclear):
        await mint.restore(outputs)


async def test_a_mint_quote_is_asked_for_watched_and_taken(fake: FakeMint, mint: Mint) -> None:
    quote = await mint.mint_quote(12, Unit.MSAT)
    assert (quote.id, quote.amount, quote.unit) == ("mint-quote", 12, "msat")
    assert quote.state is MintQuoteState.PAID
    assert (await mint.mint_quote_state(quote.id)).id == quote.id
    outputs = fake.signer.outputs([4, 8])
    assert len(await mint.mint(quote.id, outputs)) == 2
    assert fake.requests[0] == ("POST", "/v1/mint/quote/bolt11", {"amount": 12, "unit": "msat"})
    assert fake.requests[1][:2] == ("GET", "/v1/mint/quote/bolt11/mint-quote")
    assert fake.requests[2][2]["quote"] == "mint-quote"


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.update(amount=13),
        lambda a: a.update(amount=-12),
        lambda a: a.pop("amount"),
        lambda a: a.update(unit="sat"),
        lambda a: a.update(quote=""),
        lambda a: a.update(quote="a b"),
        lambda a: a.update(quote="a\n"),
        lambda a: a.update(quote="é"),
        lambda a: a.update(quote="x" * 257),
        lambda a: a.update(request=""),
        lambda a: a.update(request="l" * 10_000),
        lambda a: a.update(state="MAYBE"),
        lambda a: a.update(expiry="soon"),
    ],
)
async def test_a_twisted_mint_quote_is_unclear(fake: FakeMint, mint: Mint, change: Change) -> None:
    twist(fake, "/v1/mint/quote/bolt11", change)
    with pytest.raises(MintUnclear):
        await mint.mint_quote(12, Unit.MSAT)


async def test_the_state_of_another_quote_is_unclear(fake: FakeMint, mint: Mint) -> None:
    for ask in (mint.mint_quote_state, mint.melt_quote_state):
        with pytest.raises(MintUnclear, match="another quote"):
            await ask("a/../b")
    assert fake.paths()[0] == "/v1/mint/quote/bolt11/a%2F..%2Fb"


async def test_a_melt_pays_and_returns_change(fake: FakeMint, mint: Mint) -> None:
    quote = await mint.melt_quote("lnbc1pay", Unit.SAT)
    assert (quote.amount, quote.fee_reserve, quote.request) == (5, 2, "lnbc1pay")
    assert (await mint.melt_quote_state(quote.id)).state is MeltQuoteState.UNPAID
    inputs = [proof.for_token() for proof in fake.signer.issue([8])]
    blanks = fake.signer.outputs([0, 0], first_counter=50)
    result = await mint.melt(quote.id, inputs, blanks)
    assert (result.state, result.preimage) == (MeltQuoteState.PAID, "ab" * 32)
    (change,) = finish(blanks[:1], result.change, fake.signer.keyset)
    assert (change.amount, change.counter) == (2, 50)
    assert [output["amount"] for output in fake.requests[-1][2]["outputs"]] == [1, 1]
    assert (await mint.melt(quote.id, inputs)).change == ()
    assert fake.requests[-1][2]["outputs"] is None


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.update(unit="msat"),
        lambda a: a.update(request="lnbc1other"),
        lambda a: a.update(amount=0),
        lambda a: a.update(fee_reserve=-1),
        lambda a: a.pop("fee_reserve"),
        lambda a: a.update(state="ISSUED"),
        lambda a: a.update(quote=5),
    ],
)
async def test_a_twisted_melt_quote_is_unclear(fake: FakeMint, mint: Mint, change: Change) -> None:
    twist(fake, "/v1/melt/quote/bolt11", change)
    with pytest.raises(MintUnclear):
        await mint.melt_quote("lnbc1pay", Unit.SAT)


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.update(change=a["change"] * 3),
        lambda a: a.update(state="DONE"),
        lambda a: a.pop("state"),
        lambda a: a["change"][0].update(C_="zz"),
        lambda a: a["change"][0].update(id="009a1f293253e41e"),
        lambda a: a.update(payment_preimage=5),
    ],
)
async def test_a_twisted_melt_is_unclear(fake: FakeMint, mint: Mint, change: Change) -> None:
    twist(fake, "/v1/melt/bolt11", change)
    with pytest.raises(MintUnclear):
        await mint.melt("melt-quote", [], fake.signer.outputs([0, 0]))


async def test_vague_codes_do_not_end_issuing_and_paying(fake: FakeMint, mint: Mint) -> None:
    outputs = fake.signer.outputs([4])
    calls: dict[str, Callable[[], Any]] = {
        "/v1/swap": lambda: mint.swap([], outputs),
        "/v1/mint/bolt11": lambda: mint.mint("q", outputs),
        "/v1/melt/bolt11": lambda: mint.melt("q", []),
    }
    for path, call in calls.items():
        fake.reply(path, 400, {"detail": "transaction error", "code": 11000})
        with pytest.raises(MintRefusal if path == "/v1/swap" else MintUnclear):
            await call()
        fake.reply(path, 400, {"detail": "definite", "code": 11001})
        with pytest.raises(MintRefusal):
            await call()


async def test_a_missing_keyset_is_a_refusal(fake: FakeMint, mint: Mint) -> None:
    fake.reply("/v1/keys/", 400, {"detail": "keyset not found", "code": 12001})
    with pytest.raises(MintRefusal) as caught:
        await mint.keys(KeysetInfo("009a1f293253e41e", "sat", active=True))
    assert caught.value.code == 12001


async def test_a_quote_is_locked_and_its_ecash_taken_with_a_signature(
    fake: FakeMint, mint: Mint
) -> None:
    fake.twist["/v1/mint/quote/bolt11"] = lambda answer: answer | {"pubkey": "02AB"}
    await mint.mint_quote(12, Unit.SAT, lock="02ab")
    await mint.mint("id", fake.signer.outputs([4]), signature="51")
    assert fake.requests[0][2]["pubkey"] == "02ab"
    assert fake.requests[1][2]["signature"] == "51"
    await mint.mint("id", fake.signer.outputs([4]))
    assert "signature" not in fake.requests[2][2]


async def test_a_quote_that_is_locked_with_another_key_is_unclear(
    fake: FakeMint, mint: Mint
) -> None:
    fake.twist["/v1/mint/quote/bolt11"] = lambda answer: answer | {"pubkey": "02cd"}
    with pytest.raises(MintUnclear):
        await mint.mint_quote(12, Unit.SAT, lock="02ab")
