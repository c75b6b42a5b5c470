"""What happened between this node, a token and its mint."""

from collections.abc import Mapping
from typing import ClassVar

from routstr.errors.base import RoutstrError


class WalletError(RoutstrError):
    """The token could not be redeemed."""

    status: ClassVar[int] = 400
    type: ClassVar[str] = "cashu_error"
    code: ClassVar[str] = "cashu_token_redemption_failed"


class InvalidToken(WalletError):
    """This is not a valid Cashu token."""

    status: ClassVar[int] = 400
    type: ClassVar[str] = "invalid_token"
    code: ClassVar[str] = "invalid_cashu_token"


class TokenAlreadySpent(WalletError):
    """This Cashu token is already spent."""

    status: ClassVar[int] = 400
    type: ClassVar[str] = "token_already_spent"
    code: ClassVar[str] = "cashu_token_already_spent"


class ZeroValueToken(WalletError):
    """This Cashu token has no value."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "cashu_token_zero_value"


class TokenTooLarge(WalletError):
    """The token has more proofs or a larger amount than this node accepts; not redeemed."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "cashu_token_too_large"


class FeesExceedAmount(WalletError):
    """The mint's input fee is not below the token's amount. It was not redeemed."""

    status: ClassVar[int] = 422
    type: ClassVar[str] = "mint_error"
    code: ClassVar[str] = "cashu_token_swap_fees_exceed_amount"


class UntrustedMint(WalletError):
    """This node does not accept tokens of this mint. It was not redeemed."""

    status: ClassVar[int] = 400
    type: ClassVar[str] = "mint_error"
    code: ClassVar[str] = "untrusted_mint"


class MintRefused(WalletError):
    """The mint refused the operation."""

    status: ClassVar[int] = 422
    type: ClassVar[str] = "mint_error"
    code: ClassVar[str] = "cashu_mint_refused"


class MintExposureReached(WalletError):
    """This node holds enough at this mint; another one is welcome. The token was not redeemed."""

    status: ClassVar[int] = 422
    type: ClassVar[str] = "mint_error"
    code: ClassVar[str] = "mint_exposure_reached"


class MintUnreachable(WalletError):
    """The mint cannot be reached. Nothing was redeemed or paid out; please retry."""

    status: ClassVar[int] = 503
    type: ClassVar[str] = "mint_unreachable"
    code: ClassVar[str] = "cashu_mint_unreachable"


class SourceMintUnreachable(MintUnreachable):
    """The token's mint cannot be reached. The token was not redeemed; please retry."""

    code: ClassVar[str] = "cashu_source_mint_unreachable"


class ForeignSwapFailed(WalletError):
    """The token could not be moved to one of this node's mints. It was not redeemed."""

    status: ClassVar[int] = 422
    type: ClassVar[str] = "mint_error"
    code: ClassVar[str] = "cashu_foreign_mint_swap_failed"


class MintRateLimited(WalletError):
    """The mint asks to slow down. Please retry later."""

    status: ClassVar[int] = 503
    type: ClassVar[str] = "mint_rate_limited"
    code: ClassVar[str] = "cashu_mint_rate_limited"


class InsufficientLiquidity(WalletError):
    """The node cannot pay out at this mint right now. Your balance is unchanged."""

    status: ClassVar[int] = 503
    type: ClassVar[str] = "mint_unreachable"
    code: ClassVar[str] = "cashu_insufficient_liquidity"


class LightningFailed(WalletError):
    """The Lightning payment failed. Your balance is unchanged."""

    status: ClassVar[int] = 503
    type: ClassVar[str] = "lightning_error"
    code: ClassVar[str] = "lightning_payment_failed"
    usual_headers: ClassVar[Mapping[str, str]] = {"Retry-After": "10"}


class PaymentTooDear(WalletError):
    """The Lightning payment and its fees are more than may be spent. Nothing was paid."""

    status: ClassVar[int] = 422
    type: ClassVar[str] = "lightning_error"
    code: ClassVar[str] = "lightning_payment_too_dear"

    excess: int = 0
    """By how much, in the mint's unit."""


class RedemptionPending(WalletError):
    """The mint has not confirmed yet. The operation goes on; send the same request again."""

    status: ClassVar[int] = 503
    type: ClassVar[str] = "mint_unreachable"
    code: ClassVar[str] = "cashu_redemption_pending"
