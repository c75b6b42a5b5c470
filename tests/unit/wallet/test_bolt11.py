import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.money import MAX_MSAT, Msat
from routstr.wallet.bolt11 import CHARS_MAX, InvalidInvoice, decode
from tests.unit.wallet.invoices import CREATED, encode, field, invoice, words_of

# BOLT 11, examples: a donation of any amount; 2500 micro-bitcoin within a minute; 20 milli-bitcoin
# with a description's hash; 967878534 pico-bitcoin with an expiry of a week
DONATION = (
    "lnbc1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq"
    "5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6twvus8g6rfwvs8qun0dfjkxaq9q"
    "rsgq357wnc5r2ueh7ck6q93dj32dlqnls087fxdwk8qakdyafkq3yap9us6v52vjjsrvywa6rt52cm9r9zqt8r2t7mlcwsp"
    "yetp5h2tztugp9lfyql"
)
COFFEE = (
    "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqs"
    "yqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdl"
    "a2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh"
)
HASH = bytes.fromhex("0001020304050607080900010203040506070809000102030405060708090102")


def test_the_standard_s_examples() -> None:
    donation, coffee = decode(DONATION), decode("lightning:" + COFFEE.upper())
    assert (donation.amount, donation.payment_hash) == (None, HASH)
    assert (donation.created_at, donation.expires_at) == (1_496_314_658, 1_496_314_658 + 3_600)
    assert (coffee.amount, coffee.payment_hash) == (Msat(250_000_000), HASH)
    assert coffee.expires_at - coffee.created_at == 60
    assert coffee.network == "bc"


@given(
    msat=st.none() | st.integers(1, MAX_MSAT),
    payment_hash=st.binary(min_size=32, max_size=32),
    expiry=st.integers(0, (1 << 15) - 1),
)
def test_what_was_asked_for_is_read(msat: int | None, payment_hash: bytes, expiry: int) -> None:
    read = decode(invoice(msat, payment_hash, expiry=expiry))
    assert read.amount == (None if msat is None else Msat(msat))
    assert (read.payment_hash, read.expires_at) == (payment_hash, CREATED + expiry)


@pytest.mark.parametrize(
    ("prefix", "msat"),
    [
        ("lnbc1m", 100_000_000),
        ("lnbc1u", 100_000),
        ("lnbc1n", 100),
        ("lnbc10p", 1),
        ("lnbc2", 200_000_000_000),
        ("lntb30n", 3_000),
        ("lnbcrt30n", 3_000),
        ("lntbs30n", 3_000),
    ],
)
def test_amounts_in_parts_of_a_bitcoin(prefix: str, msat: int) -> None:
    words = [0] * 7 + field(1, words_of(bytes(32))) + [0] * 104
    assert decode(encode(prefix, words)).amount == Msat(msat)


def test_a_description_s_hash_is_read_and_the_first_of_two_counts() -> None:
    given_hash = field(23, words_of(HASH))
    assert decode(invoice(1, more=given_hash)).description_hash == HASH
    assert decode(invoice(1)).description_hash is None
    assert decode(invoice(1, HASH, more=field(1, words_of(bytes(32))))).payment_hash == HASH
    assert decode(invoice(1, HASH, more=field(23, [1] * 10))).description_hash is None


HEAD = [0] * 7
TAIL = [0] * 104
PAID = field(1, words_of(bytes(32)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lnbc",
        COFFEE[:-1],
        COFFEE.replace("q", "p", 1),
        "Lnbc" + COFFEE[4:],
        encode("lnxy1u", HEAD + PAID + TAIL),
        encode("lnbc0u", HEAD + PAID + TAIL),
        encode("lnbc01u", HEAD + PAID + TAIL),
        encode("lnbc5p", HEAD + PAID + TAIL),
        encode("lnbc21000001", HEAD + PAID + TAIL),
        encode("lnbc1u", HEAD + TAIL),
        encode("lnbc1u", HEAD + field(1, [0] * 53) + TAIL),
        encode("lnbc1u", HEAD + field(1, [31] * 52) + TAIL),
        encode("lnbc1u", HEAD + PAID + [6, 0] + TAIL),
        encode("lnbc1u", HEAD + PAID + [6, 0, 9] + TAIL),
        encode("lnbc1u", HEAD + PAID + field(6, [1] * 8) + TAIL),
        encode("lnbc1u", (HEAD + TAIL)[1:]),
        "x" * (CHARS_MAX + 1),
    ],
)
def test_anything_else_is_no_invoice(text: str) -> None:
    with pytest.raises(InvalidInvoice):
        decode(text)


@given(st.text(max_size=200))
def test_junk_is_refused_and_nothing_worse(text: str) -> None:
    with pytest.raises(InvalidInvoice):
        decode(text)
