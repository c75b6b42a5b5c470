"""The clients' pages of a node that sells three models, without the node."""

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from urllib.parse import urlsplit

from routstr.assembly.document import Api
from routstr.catalog.models_file import ModelSpec, UsdPricing
from routstr.catalog.rates import PricePolicy
from routstr.catalog.service import Catalog
from routstr.core.clock import ManualClock
from routstr.core.settings import Settings
from routstr.money import ZERO
from routstr.theme.engine import Theme
from routstr.web import docs, key_page, look, play, start
from routstr.web.offer import Offers
from routstr.web.parts import ClientParts
from tests.unit.core.asgi import Answer, http_scope

BTC_USD = Decimal(100_000)
MINT = "https://mint.example"
DEAR = ModelSpec(
    id="vendor/dear",
    name="Dear <script>",
    context_length=8_000,
    pricing=UsdPricing(
        prompt=Decimal("2e-6"), completion=Decimal("8e-6"), request=Decimal("0.0001")
    ),
)
CHEAP = ModelSpec(
    id="cheap",
    context_length=1_000,
    pricing=UsdPricing(prompt=Decimal("1e-6"), completion=Decimal("3e-6")),
)
DRAWS = ModelSpec(
    id="draws",
    context_length=1_000,
    pricing=UsdPricing(output_cost_per_image={"": Decimal("0.04"), "hd": Decimal("0.08")}),
)
MODELS = (DEAR, DRAWS, CHEAP)


def catalog(models: Sequence[ModelSpec] = MODELS, *, priced: bool = True) -> Catalog:
    """A price list without fees: one USD is 1,000,000 msat."""
    policy = PricePolicy(exchange_fee=Decimal(1), provider_fee=Decimal(1), min_request=ZERO)
    made = Catalog(models, policy, ManualClock())
    if priced:
        made.set_rate(BTC_USD, fresh_for_s=None)
    return made


@cache
def _theme() -> Theme:
    packages = {"theme": "routstr.theme", "web": "routstr.web"}
    return Theme(packages, {"name": "A node", "version": "1"})


class Shop:
    """The pages; ``clock`` began when the node did."""

    def __init__(self, sold: Catalog, *, able: bool = True, deposits: str = "open") -> None:
        self.clock = ManualClock()
        self._report: tuple[bool, dict[str, object]] = (
            able, {"deposits": deposits, "mints": {MINT: "ok", "https://other.example": "failing"}},
        )  # fmt: skip
        settings = Settings(name="A node", description="Ours & yours", cashu_mints=MINT)
        self.app = Api(docs_url=None)
        for router in (
            start.browser,
            start.router,
            key_page.router,
            look.router,
            play.router,
            docs.router,
        ):
            self.app.include_router(router)
        self.app.get("/")(self._machine)
        self.app.state.theme = _theme()
        began = self.clock.monotonic()
        self.app.state.web = ClientParts(settings, Offers(sold), self._look, self.clock, began)

    async def get(self, address: str, **headers: str) -> Answer:
        """Ask as a browser does, unless ``accept`` says otherwise."""
        path, query = urlsplit(address)[2:4]
        given = {"accept": "text/html,*/*;q=0.8", "host": "node", **headers}
        scope = {**http_scope("GET", path, given.items()), "query_string": query.encode()}
        answer = Answer()

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: object) -> None:
            assert isinstance(message, dict)
            answer.messages.append(message)

        await self.app(scope, receive, send)
        return answer

    async def text(self, address: str, **headers: str) -> str:
        return (await self.get(address, **headers)).body.decode()

    async def _machine(self) -> dict[str, str]:
        return {"status": "running"}

    async def _look(self) -> tuple[bool, dict[str, object]]:
        return self._report
