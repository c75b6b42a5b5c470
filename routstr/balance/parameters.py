"""What several routes take besides their bodies."""

from typing import Annotated

from fastapi import Header, Response

Authorization = Annotated[str | None, Header(include_in_schema=False)]
XCashuHeader = Annotated[
    str | None, Header(alias="X-Cashu", description="the token that paid for a request")
]
RefundLnurlHeader = Annotated[
    str | None,
    Header(alias="Refund-LNURL", description="where the money goes: Lightning address or LNURL"),
]
KeyExpiryTime = Annotated[
    str | None, Header(alias="Key-Expiry-Time", description="Unix time: as validity_date")
]


def private(response: Response) -> None:
    """Answers are for one client: never cached, never shared."""
    response.headers["Cache-Control"] = "no-store"
