"""The demo's acts, in order. Each one checks what it claims, to the msat."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import aiohttp
from openai import AsyncOpenAI, OpenAIError
from openai.types.chat import ChatCompletionUserMessageParam

from demo.account import Account
from demo.failure import ShowFailed
from demo.receipt import Receipt
from demo.screen import Screen
from demo.stage import Stage
from devkit.model import ALIAS
from devkit.payer import Payer
from routstr.errors import RoutstrError
from routstr.wallet.mint_errors import MintError

DEPOSIT_SAT: Final = 128
TOP_UP_SAT: Final = 64
MAX_TOKENS: Final = 96
QUESTION: Final = "Tell me in one sentence what electronic cash is."
SECOND_QUESTION: Final = "Why do computers need memory? Answer in two sentences."


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays: the stage, the payer's two wallets, its account at the node, and a client."""

    stage: Stage
    screen: Screen
    wallet: Payer
    account: Account
    client: AsyncOpenAI
    prices: dict[str, Decimal]


async def play(stage: Stage, screen: Screen) -> None:
    """Play all acts. Raises ShowFailed, and ServiceFailed when a part has gone away."""
    try:
        await _acts(stage, screen)
    except (OpenAIError, aiohttp.ClientError, MintError, RoutstrError, TimeoutError) as error:
        raise ShowFailed(f"{type(error).__name__}: {error}") from error


async def _acts(stage: Stage, screen: Screen) -> None:
    async with (
        Payer(stage.mint.url) as wallet,
        aiohttp.ClientSession(trust_env=False) as session,
    ):
        screen.step("1  Ecash")
        screen.note("The payer's wallet buys ecash at mint A: coins signed blindly by the mint.")
        token = await wallet.token(DEPOSIT_SAT)
        screen.fact("token", f"{_shortened(token)}, worth {DEPOSIT_SAT} sat")

        account = Account(session, stage.node.base_url, token)
        async with AsyncOpenAI(base_url=stage.node.base_url, api_key=token) as client:
            prices = await account.prices(ALIAS)
            cast = Cast(stage, screen, wallet, account, client, prices)
            await _deposit(cast)
            await _plain(cast)
            await _streamed(cast)
        await _take_back(cast)
        await _second_mint(cast)
        await _verify(cast)


async def _deposit(cast: Cast) -> None:
    screen = cast.screen
    screen.step("2  The token is the API key")
    screen.note("Its first use deposits it: no account, no registration.")
    balance = await cast.account.balance()
    _agree("the balance is the token's value", balance, DEPOSIT_SAT * 1_000)
    screen.check(f"balance {_msat(balance)} = {DEPOSIT_SAT} sat")
    per = cast.prices
    screen.fact("price", f"{_plainly(per['prompt'])} msat per prompt token")
    screen.fact("", f"{_plainly(per['input_cache_read'])} msat if the model has it in its cache")
    screen.fact("", f"{_plainly(per['completion'])} msat per token of the answer")
    screen.fact("", f"{_plainly(per['request'])} msat per request")


async def _plain(cast: Cast) -> None:
    screen = cast.screen
    screen.step("3  A question, paid for")
    screen.note("client = OpenAI(base_url=<the node>, api_key=<the token>)")
    screen.fact("question", QUESTION)
    before = await cast.account.balance()
    with screen.waiting("the model is thinking"):
        answer = await cast.client.chat.completions.create(
            model=ALIAS, messages=_asking(QUESTION), max_tokens=MAX_TOKENS, temperature=0
        )
    quote = screen.quote()
    quote.write(answer.choices[0].message.content or "")
    quote.end()
    await _settle(cast, Receipt.of(answer.usage), before)


async def _streamed(cast: Cast) -> None:
    screen = cast.screen
    screen.step("4  The same as a stream")
    screen.fact("question", SECOND_QUESTION)
    before = await cast.account.balance()
    usage = None
    quote = screen.quote()
    stream = await cast.client.chat.completions.create(
        model=ALIAS,
        messages=_asking(SECOND_QUESTION),
        max_tokens=MAX_TOKENS,
        temperature=0,
        stream=True,
    )
    async for chunk in stream:
        for choice in chunk.choices:
            quote.write(choice.delta.content or "")
        usage = chunk.usage or usage
    quote.end()
    await _settle(cast, Receipt.of(usage), before)


async def _settle(cast: Cast, receipt: Receipt, before: int) -> None:
    """The cost that the answer tells, the loss of the balance and the price list must agree."""
    screen = cast.screen
    after = await cast.account.balance()
    cached = f" ({receipt.cached} of them cached)" if receipt.cached else ""
    screen.fact("tokens", f"{receipt.prompt} in{cached}, {receipt.completion} out")
    screen.fact("cost", f"{_msat(receipt.cost)}, says the answer's usage.cost")
    _agree("the balance lost what the answer cost", before - after, receipt.cost)
    screen.check(f"balance {_msat(before)} - {receipt.cost:,} = {_msat(after)}")
    _agree("the charge is the published price", receipt.cost, receipt.expected(cast.prices))
    screen.check("tokens x published prices, rounded up once, are the same to the msat")


async def _take_back(cast: Cast) -> None:
    screen = cast.screen
    screen.step("5  The rest, taken back")
    screen.note("The node gives it back as ecash, and a second wallet redeems it at the mint.")
    before = await cast.account.balance()
    token, value = await cast.account.refund()
    after = await cast.account.balance()
    screen.fact("token", f"{_shortened(token)}, worth {value // 1_000} sat")
    _agree("refund and rest are the balance", value + after, before)
    screen.check(f"{_msat(before)} = {value // 1_000} sat + {_msat(after)} below one sat")
    async with Payer(cast.stage.mint.url) as second_wallet:
        arrived = await second_wallet.redeem(token)
    _agree("the mint honours the refund", arrived * 1_000, value)
    screen.check(f"mint A took it: {arrived} sat in the second wallet")


async def _second_mint(cast: Cast) -> None:
    screen = cast.screen
    screen.step("6  Several mints")
    screen.note("The same key is topped up with ecash of mint B, which takes a fee per coin.")
    async with Payer(cast.stage.second_mint.url) as wallet:
        before = await cast.account.balance()
        token = await wallet.token(TOP_UP_SAT)
        fee = await wallet.fee(token)
        credited = await cast.account.top_up(token)
        after = await cast.account.balance()
        _agree("the top-up is the token less the fee", credited, (TOP_UP_SAT - fee) * 1_000)
        _agree("the balance gained the top-up", after - before, credited)
        screen.check(
            f"{TOP_UP_SAT} sat - {fee} sat for mint B = {_msat(credited)}; balance {_msat(after)}"
        )
        token, value = await cast.account.refund()
        arrived = await wallet.redeem(token)
    screen.check(f"taken back at mint B: {value // 1_000} sat, {arrived} after its fee")


async def _verify(cast: Cast) -> None:
    screen = cast.screen
    screen.step("7  The books")
    screen.note("`routstr verify` recomputes every balance and counts the coins behind it.")
    with screen.waiting("verifying"):
        plain = {"PYTHONIOENCODING": screen.encoding}
        finished = await cast.stage.node.command("verify", environment=plain)
    screen.block(finished.output.strip())
    if finished.status:
        raise ShowFailed(f"routstr verify ended with status {finished.status}")


def _agree(what: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise ShowFailed(f"{what}: {found:,} msat found, {wanted:,} msat wanted")


def _asking(question: str) -> list[ChatCompletionUserMessageParam]:
    return [{"role": "user", "content": question}]


def _shortened(token: str) -> str:
    return f"{token[:16]}... ({len(token)} characters)"


def _msat(amount: int) -> str:
    return f"{amount:,} msat"


def _plainly(price: Decimal) -> str:
    return f"{price.normalize():f}"
