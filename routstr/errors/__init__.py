"""Every error that this node tells a client, as one tree. Standard library only.

The tree (HTTP status, ``type``, ``code``)::

    RoutstrError                          500 api_error internal_error
    ├── RequestError                      400 invalid_request_error invalid_request
    │   ├── InvalidJson                   400 … invalid_json
    │   ├── InvalidParameter              400 … invalid_parameter
    │   ├── MaxCostExceeded               400 … max_cost_exceeded
    │   ├── BodyTimeout                   408 … request_timeout
    │   ├── BodyTooLarge                  413 … request_too_large
    │   ├── HeadersTooLarge               431 … headers_too_large
    │   ├── UnsupportedBody               415 … unsupported_media_type
    │   ├── NotPriced                     400 … no_price
    │   ├── InvalidPath                   400 … invalid_path
    │   ├── InvalidEvent                  400 … invalid_event
    │   ├── SessionExpired                408 … session_expired
    │   ├── ForbiddenOrigin               403 … forbidden_origin
    │   ├── HttpsRequired                 403 … https_required
    │   ├── InvalidIdempotencyKey         400 … invalid_idempotency_key
    │   ├── NotFound                      404 not_found not_found
    │   ├── ReceiptNotFound               404 … receipt_not_found
    │   ├── ChildKeyNotAllowed            400 … child_key_not_allowed
    │   ├── ChildKeyNotFound              404 … child_key_not_found
    │   ├── InvalidModelPath              404 … invalid_model_path
    │   ├── EndpointNotServed             400 … endpoint_not_served
    │   └── ModelNotFound                 400 invalid_model model_not_found
    ├── AuthError                         401 invalid_request_error invalid_api_key
    │   ├── MissingApiKey                 401 … missing_api_key
    │   ├── KeyNotFound                   401 … key_not_found
    │   ├── KeyExpired                    403 … key_expired
    │   └── ForeignChildKey               403 … not_your_child_key
    ├── PaymentError                      402 insufficient_quota payment_required
    │   ├── InsufficientBalance           402 … insufficient_balance
    │   ├── BalanceLimitExceeded          402 … balance_limit_exceeded
    │   ├── TokenBelowMinimum             402 … minimum_balance_required
    │   ├── NothingToRefund               400 invalid_request_error no_balance
    │   ├── BalanceTooSmall               400 invalid_request_error balance_too_small
    │   ├── RefundBlocked                 400 invalid_request_error requests_in_flight
    │   ├── RefundNotFound                404 invalid_request_error refund_not_found
    │   ├── RefundPending                 425 invalid_request_error refund_pending
    │   ├── RefundSwept                   410 invalid_request_error refund_swept
    │   ├── BalanceChanged                409 invalid_request_error balance_changed
    │   ├── RefundUnderWay                409 invalid_request_error refund_in_progress
    │   ├── RefundWithheld                502 lightning_error refund_withheld
    │   ├── LightningAddressRefused       400 invalid_request_error invalid_lightning_address
    │   ├── SurplusTooSmall               409 invalid_request_error surplus_too_small
    │   ├── PayoutUnderWay                409 invalid_request_error payout_in_progress
    │   ├── SwapUnderWay                  409 invalid_request_error swap_in_progress
    │   └── PriceUnavailable              503 service_unavailable price_unavailable
    ├── IdempotencyError                  409 idempotency_error idempotency_conflict
    │   ├── IdempotencyMismatch           409 … idempotency_key_reused
    │   ├── IdempotencyInProgress         409 … idempotency_in_progress
    │   └── RequestAlreadyPaid            409 … request_already_paid
    ├── WalletError                       400 cashu_error cashu_token_redemption_failed
    │   ├── InvalidToken                  400 invalid_token invalid_cashu_token
    │   ├── TokenAlreadySpent             400 token_already_spent cashu_token_already_spent
    │   ├── ZeroValueToken                400 cashu_error cashu_token_zero_value
    │   ├── TokenTooLarge                 400 cashu_error cashu_token_too_large
    │   ├── FeesExceedAmount              422 mint_error cashu_token_swap_fees_exceed_amount
    │   ├── UntrustedMint                 400 mint_error untrusted_mint
    │   ├── MintRefused                   422 mint_error cashu_mint_refused
    │   ├── MintExposureReached           422 mint_error mint_exposure_reached
    │   ├── MintUnreachable               503 mint_unreachable cashu_mint_unreachable
    │   │   └── SourceMintUnreachable     503 … cashu_source_mint_unreachable
    │   ├── ForeignSwapFailed             422 mint_error cashu_foreign_mint_swap_failed
    │   ├── MintRateLimited               503 mint_rate_limited cashu_mint_rate_limited
    │   ├── InsufficientLiquidity         503 mint_unreachable cashu_insufficient_liquidity
    │   ├── LightningFailed               503 lightning_error lightning_payment_failed
    │   ├── PaymentTooDear                422 lightning_error lightning_payment_too_dear
    │   └── RedemptionPending             503 mint_unreachable cashu_redemption_pending
    ├── InvoiceError                      500 api_error invoice_creation_failed
    │   ├── TopupUnauthorized             401 invalid_request_error topup_authorization_required
    │   ├── TopupKeyMalformed             400 invalid_request_error topup_invalid_api_key_format
    │   ├── TopupKeyNotFound              404 invalid_request_error topup_api_key_not_found
    │   ├── InvoiceNotFound               404 invalid_request_error invoice_not_found
    │   ├── TooManyInvoices               429 rate_limit_error too_many_open_invoices
    │   ├── LightningMintBusy             503 mint_rate_limited lightning_mint_rate_limited
    │   └── LightningMintUnreachable      503 mint_unreachable lightning_mint_unreachable
    ├── UpstreamError                     502 upstream_error upstream_request_failed
    │   ├── UpstreamUnavailable           502 … upstream_unreachable
    │   ├── UpstreamTimeout               504 … upstream_timeout
    │   ├── UpstreamRejected              as upstream … upstream_rejected
    │   └── UpstreamRateLimited           429 … UPSTREAM_RATE_LIMIT
    ├── AdminError                        403 invalid_request_error admin_unauthorized
    │   ├── InvalidPassword               401 … invalid_password
    │   ├── ForeignForm                   403 … foreign_form
    │   ├── TooManyLogins                 429 rate_limit_error too_many_logins
    │   ├── AdminNotConfigured            503 service_unavailable admin_not_configured
    │   ├── ScopeMissing                  403 … admin_scope_missing
    │   ├── SetupRefused                  403 … setup_refused
    │   ├── PasswordLocked                409 … password_locked
    │   ├── PasswordUnfit                 400 … invalid_new_password
    │   ├── NostrKeyLocked                409 … nsec_locked
    │   ├── NostrKeyUnfit                 400 … invalid_nsec
    │   ├── SignInRefused                 401 … sign_in_refused
    │   ├── TokenUnfit                    400 … invalid_admin_token
    │   ├── TokenNotFound                 404 … admin_token_not_found
    │   ├── SessionNotFound               404 … admin_session_not_found
    │   ├── NoSuchKey                     404 … no_such_key
    │   ├── ProviderNotFound              404 … provider_not_found
    │   ├── ProviderExists                409 … provider_exists
    │   ├── ProviderInvalid               400 … invalid_provider
    │   ├── ModelInvalid                  400 … invalid_model
    │   ├── UnknownModel                  404 … unknown_model
    │   └── SettingsInvalid               400 … invalid_setting
    ├── RateLimitError                    429 rate_limit_error rate_limit_exceeded
    │   └── TooManyAtOnce                 429 … concurrency_limit_exceeded
    └── NodeError                         503 service_unavailable node_unavailable
        ├── DatabaseUnavailable           503 … database_unavailable
        ├── OutcomeUnknown                503 … outcome_unknown
        ├── Draining                      503 … shutting_down
        ├── UnderMaintenance              503 … maintenance
        ├── TooManyUploads                503 … too_many_uploads
        └── DepositsClosed                503 … deposits_closed

A class says why it is raised in its docstring; the first line is the default message.
``core.rendering`` turns an error into the envelope of the protocol that the client speaks.
"""

from routstr.errors.admin import (
    AdminError,
    AdminNotConfigured,
    ForeignForm,
    InvalidPassword,
    ModelInvalid,
    NostrKeyLocked,
    NostrKeyUnfit,
    NoSuchKey,
    PasswordLocked,
    PasswordUnfit,
    ProviderExists,
    ProviderInvalid,
    ProviderNotFound,
    ScopeMissing,
    SessionNotFound,
    SettingsInvalid,
    SetupRefused,
    SignInRefused,
    TokenNotFound,
    TokenUnfit,
    TooManyLogins,
    UnknownModel,
)
from routstr.errors.auth import (
    AuthError,
    ForeignChildKey,
    KeyExpired,
    KeyNotFound,
    MissingApiKey,
)
from routstr.errors.base import Details, RoutstrError
from routstr.errors.idempotency import (
    IdempotencyError,
    IdempotencyInProgress,
    IdempotencyMismatch,
    InvalidIdempotencyKey,
    RequestAlreadyPaid,
)
from routstr.errors.invoices import (
    InvoiceError,
    InvoiceNotFound,
    LightningMintBusy,
    LightningMintUnreachable,
    TooManyInvoices,
    TopupKeyMalformed,
    TopupKeyNotFound,
    TopupUnauthorized,
)
from routstr.errors.limits import RateLimitError, TooManyAtOnce
from routstr.errors.node import (
    DatabaseUnavailable,
    DepositsClosed,
    Draining,
    NodeError,
    OutcomeUnknown,
    TooManyUploads,
    UnderMaintenance,
)
from routstr.errors.payment import (
    BalanceChanged,
    BalanceLimitExceeded,
    BalanceTooSmall,
    InsufficientBalance,
    LightningAddressRefused,
    NothingToRefund,
    PaymentError,
    PayoutUnderWay,
    PriceUnavailable,
    RefundBlocked,
    RefundNotFound,
    RefundPending,
    RefundSwept,
    RefundUnderWay,
    RefundWithheld,
    SurplusTooSmall,
    SwapUnderWay,
    TokenBelowMinimum,
)
from routstr.errors.request import (
    BodyTimeout,
    BodyTooLarge,
    ChildKeyNotAllowed,
    ChildKeyNotFound,
    EndpointNotServed,
    ForbiddenOrigin,
    HeadersTooLarge,
    HttpsRequired,
    InvalidEvent,
    InvalidJson,
    InvalidModelPath,
    InvalidParameter,
    InvalidPath,
    MaxCostExceeded,
    ModelNotFound,
    NotFound,
    NotPriced,
    ReceiptNotFound,
    RequestError,
    SessionExpired,
    UnsupportedBody,
)
from routstr.errors.upstream import (
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from routstr.errors.wallet import (
    FeesExceedAmount,
    ForeignSwapFailed,
    InsufficientLiquidity,
    InvalidToken,
    LightningFailed,
    MintExposureReached,
    MintRateLimited,
    MintRefused,
    MintUnreachable,
    PaymentTooDear,
    RedemptionPending,
    SourceMintUnreachable,
    TokenAlreadySpent,
    TokenTooLarge,
    UntrustedMint,
    WalletError,
    ZeroValueToken,
)

__all__ = [
    "AdminError",
    "AdminNotConfigured",
    "AuthError",
    "BalanceChanged",
    "BalanceLimitExceeded",
    "BalanceTooSmall",
    "BodyTimeout",
    "BodyTooLarge",
    "ChildKeyNotAllowed",
    "ChildKeyNotFound",
    "DatabaseUnavailable",
    "DepositsClosed",
    "Details",
    "Draining",
    "EndpointNotServed",
    "FeesExceedAmount",
    "ForbiddenOrigin",
    "ForeignChildKey",
    "ForeignForm",
    "ForeignSwapFailed",
    "HeadersTooLarge",
    "HttpsRequired",
    "IdempotencyError",
    "IdempotencyInProgress",
    "IdempotencyMismatch",
    "InsufficientBalance",
    "InsufficientLiquidity",
    "InvalidEvent",
    "InvalidIdempotencyKey",
    "InvalidJson",
    "InvalidModelPath",
    "InvalidParameter",
    "InvalidPassword",
    "InvalidPath",
    "InvalidToken",
    "InvoiceError",
    "InvoiceNotFound",
    "KeyExpired",
    "KeyNotFound",
    "LightningAddressRefused",
    "LightningFailed",
    "LightningMintBusy",
    "LightningMintUnreachable",
    "MaxCostExceeded",
    "MintExposureReached",
    "MintRateLimited",
    "MintRefused",
    "MintUnreachable",
    "MissingApiKey",
    "ModelInvalid",
    "ModelNotFound",
    "NoSuchKey",
    "NodeError",
    "NostrKeyLocked",
    "NostrKeyUnfit",
    "NotFound",
    "NotPriced",
    "NothingToRefund",
    "OutcomeUnknown",
    "PasswordLocked",
    "PasswordUnfit",
    "PaymentError",
    "PaymentTooDear",
    "PayoutUnderWay",
    "PriceUnavailable",
    "ProviderExists",
    "ProviderInvalid",
    "ProviderNotFound",
    "RateLimitError",
    "ReceiptNotFound",
    "RedemptionPending",
    "RefundBlocked",
    "RefundNotFound",
    "RefundPending",
    "RefundSwept",
    "RefundUnderWay",
    "RefundWithheld",
    "RequestAlreadyPaid",
    "RequestError",
    "RoutstrError",
    "ScopeMissing",
    "SessionExpired",
    "SessionNotFound",
    "SettingsInvalid",
    "SetupRefused",
    "SignInRefused",
    "SourceMintUnreachable",
    "SurplusTooSmall",
    "SwapUnderWay",
    "TokenAlreadySpent",
    "TokenBelowMinimum",
    "TokenNotFound",
    "TokenTooLarge",
    "TokenUnfit",
    "TooManyAtOnce",
    "TooManyInvoices",
    "TooManyLogins",
    "TooManyUploads",
    "TopupKeyMalformed",
    "TopupKeyNotFound",
    "TopupUnauthorized",
    "UnderMaintenance",
    "UnknownModel",
    "UnsupportedBody",
    "UntrustedMint",
    "UpstreamError",
    "UpstreamRateLimited",
    "UpstreamRejected",
    "UpstreamTimeout",
    "UpstreamUnavailable",
    "WalletError",
    "ZeroValueToken",
]
