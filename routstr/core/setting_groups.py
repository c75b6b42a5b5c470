"""Every setting of this node, by group: name (upper case in the environment), default, meaning.

The text under a field is its documentation, in ``.env.example`` and elsewhere. Units stand in
names. ``ROUTSTR_ENV`` changes the defaults listed in :data:`routstr.core.settings.PROFILES`.
"""

from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from routstr.core.addresses import literal_address
from routstr.core.secret import Secret
from routstr.core.setting_group import Group
from routstr.core.setting_groups_outside import Alerts, Monitoring, Nostr, Tor
from routstr.core.setting_types import (
    ByteCount,
    CacheSigns,
    Count,
    CountOrOff,
    DatabaseUrl,
    Factor,
    HeaderNames,
    Hours,
    LightningAddress,
    MintAmounts,
    MintUrl,
    MintUrls,
    ModelSources,
    MsatAmount,
    Networks,
    Npub,
    OnionUrl,
    Origins,
    PackageNames,
    Password,
    Percent,
    Port,
    ProofCount,
    ReaderCount,
    RedisUrl,
    ReplicaUrl,
    RuleChoices,
    SatPrice,
    Seconds,
    SecondsOrOff,
    SecretKeyHex,
    Share,
    Slug,
    Url,
    UsdPerBtc,
    sqlite_file,
)
from routstr.money import Msat


def _https_url(data: dict[str, Any]) -> bool:
    url: str = data.get("http_url", "")
    return data.get("routstr_env") == "production" and url.startswith("https://")


class Node(Group):
    """The node and its address."""

    routstr_env: Literal["development", "testing", "production"] = "production"
    """Profile that the defaults fit: development, testing or production."""
    host: str = Field("127.0.0.1", min_length=1)
    """Address to listen on; 0.0.0.0 for all."""
    port: Port = 8000
    """Port to listen on; 0 lets the system choose."""
    name: str = Field("ARoutstrNode", max_length=200)
    """Name of the node, shown to clients."""
    description: str = Field("A Routstr Node", max_length=2_000)
    """What the node offers, shown to clients."""
    npub: Npub = ""
    """Nostr public key of the operator (npub1...), shown to clients."""
    http_url: Url = ""
    """Public address of the node, shown to clients."""
    onion_url: OnionUrl = ""
    """Onion address of the node, shown to clients."""
    cors_origins: Origins = ("*",)
    """Web origins that may call the node from a browser, comma separated; * for all."""
    trusted_proxies: Networks = ()
    """Own proxies, comma separated: their X-Forwarded-For and X-Forwarded-Proto are believed."""
    require_https: bool = Field(default_factory=_https_url)
    """Refuse plain HTTP from elsewhere; default true in production where HTTP_URL is https."""
    admin_password: Password = Secret()
    """Password of the operator, at least 8 characters; empty: the one that was set in a browser."""
    plugins: PackageNames = ()
    """Installed packages that may extend this node, comma separated; no other one is loaded."""


def _key_file(data: dict[str, Any]) -> Path:
    file = sqlite_file(data.get("database_url", Secret()))
    return (file.parent if file else Path()) / "routstr_secret.key"


class Storage(Group):
    """Database and secret key."""

    database_url: DatabaseUrl = Secret("sqlite:///routstr.db")
    """Where the books are kept: sqlite:///<file> or postgresql://<user>:<password>@<host>/<name>."""
    database_readers: ReaderCount = 4
    """Connections of a process that read the database at the same time; one more writes."""
    database_replica_url: ReplicaUrl = Secret()
    """PostgreSQL that follows DATABASE_URL, read for the operator's statistics; empty: none."""
    routstr_secret_key: SecretKeyHex = Secret()
    """The node's key, 64 hexadecimal digits; empty: read from the file."""
    routstr_secret_key_file: Path = Field(default_factory=_key_file)
    """File of the node's key, made once; default routstr_secret.key beside the SQLite file."""
    redis_url: RedisUrl = Secret()
    """Redis-compatible server that instances share for limits and kept answers; empty: none."""


def _slug(data: dict[str, Any]) -> str:
    """``https://api.example.com/v1`` is ``example``; a bare name or an address is ``custom``."""
    host = urlsplit(data.get("upstream_base_url", "")).hostname or ""
    labels = host.replace("_", "-").strip(".-").split(".")
    if len(labels) == 1 or literal_address(host):
        return "custom"
    return labels[-2].strip("-") or "custom"


class Upstream(Group):
    """The provider behind the node."""

    upstream_base_url: Url = ""
    """Base address of the OpenAI-compatible provider, for example https://api.openai.com/v1."""
    upstream_api_key: Secret = Secret()
    """The provider's API key."""
    upstream_name: Slug = Field(default_factory=_slug)
    """Short name of the provider, shown to clients; default from its host, else custom."""
    models_path: Path = Path("models.json")
    """File with the models that the node sells and their prices in USD."""
    custom_endpoints_path: Path = Path()
    """File with the operator's own endpoints and their prices; empty: none."""
    model_sources: ModelSources = ("file",)
    """Where models come from: file, upstream (its own list), openrouter (prices); the file wins."""
    openrouter_models_url: Url = "https://openrouter.ai/api/v1/models"
    """Public price list in OpenRouter's format."""
    models_refresh_interval_seconds: Seconds = 360
    """How often lists of models are read."""
    models_age_seconds_max: Seconds = 86_400
    """Age at which the last good list is too old: what only it prices is not sold any more."""
    price_jump_limit: CountOrOff = 10
    """A listed price that changes by more than this factor, or to 0, is not believed; 0: always."""
    forward_headers: HeaderNames = ()
    """Further request headers that are passed to the provider, comma separated."""
    upstream_connect_seconds: Seconds = 10
    """Longest wait for a connection to the provider."""
    upstream_first_byte_seconds: Seconds = 600
    """Longest wait for the first byte of the provider's answer; unstreamed ones begin late."""
    upstream_idle_seconds: Seconds = 60
    """Longest silence of the provider inside an answer."""
    upstream_total_seconds: Seconds = 1_800
    """Longest duration of one answer, attempts at other providers included."""
    upstream_rest_seconds: Seconds = 5
    """How long a provider is left alone that failed 3 times in a row; doubles up to 5 minutes."""
    disconnect_drain_seconds: SecondsOrOff = 5
    """How long the provider is read on, for its usage figures, after the client has gone."""


class Pricing(Group):
    """Prices."""

    upstream_provider_fee: Factor = Decimal("1.05")
    """Factor on the provider's price: the node's margin."""
    exchange_fee: Factor = Decimal("1.005")
    """Factor on the conversion from USD to bitcoin."""
    tolerance_percentage: Percent = Decimal(1)
    """How many percent below the maximum cost a balance may be and still be admitted."""
    min_request_msat: MsatAmount = Msat(1)
    """Smallest charge for a request, in msat."""
    base_msats: MsatAmount = Msat(0)
    """Price of a request on top of its tokens, in msat."""
    pricing_rule: str = ""
    """Rule that prices models: token, fixed, or one that a package brings; default token."""
    pricing_rule_of: RuleChoices = ()
    """The same for single providers, comma separated, for example openai=token."""
    child_key_cost: MsatAmount = Msat(0)
    """Price of a child key, in msat."""
    min_output_tokens: Count = 16
    """Fewest output tokens that a balance must pay for to be admitted."""
    bill_empty_answers: bool = True
    """Charge for answers that say nothing, as their providers report them; false: they are free."""
    fixed_pricing: bool = False
    """Charge the FIXED_ prices for every model instead of the models' own."""
    fixed_cost_per_request: SatPrice = Decimal(1)
    """Fixed price of a request, in sat."""
    fixed_per_1k_input_tokens: SatPrice = Decimal(0)
    """Fixed price of 1000 input tokens, in sat."""
    fixed_per_1k_output_tokens: SatPrice = Decimal(0)
    """Fixed price of 1000 output tokens, in sat."""
    btc_usd: UsdPerBtc | None = None
    """Price of a bitcoin in USD, fixed by the operator; empty: read from public sources."""
    pricing_refresh_interval_seconds: Seconds = 120
    """How often the price of bitcoin is read."""
    price_age_seconds_max: Seconds = 900
    """Age at which the last price is too old: paid requests then get 503."""
    price_jump_percent_max: Percent = Decimal(20)
    """Change between two readings that is not believed until it is confirmed."""


def _first_mint(data: dict[str, Any]) -> str:
    mints: tuple[str, ...] = data.get("cashu_mints", ())
    return mints[0] if mints else ""


class Wallet(Group):
    """Ecash."""

    cashu_mints: MintUrls = ()
    """Mints whose tokens are accepted, comma separated."""
    primary_mint_url: MintUrl = Field(default_factory=_first_mint)
    """The mint that is preferred; default the first of CASHU_MINTS."""
    swap_mints: MintUrls = ()
    """Further mints, comma separated, whose tokens become ecash of the primary one, less fees."""
    swap_sat_per_day: Count = 100_000
    """Most that comes from SWAP_MINTS in 24 hours, in sat."""
    allow_insecure_mints: bool = False
    """Accept mints on this machine, also by plain http: for development."""
    mint_operation_timeout_seconds: Seconds = 30
    """Longest wait for a mint's answer."""
    mint_max_concurrency: Count = 4
    """Calls to one mint at the same time."""
    token_proofs_max: Count = 100
    """Most proofs in one token; at most 100."""
    token_sat_max: Count = 1_000_000
    """Largest amount of one token, in sat."""
    mint_exposure_sat_max: CountOrOff = 0
    """Most that may lie at one mint, in sat: deposits beyond it are refused; 0: no limit."""
    mint_exposure_sat_max_of: MintAmounts = ()
    """The same for single mints, comma separated, for example https://mint.example.com=50000."""
    proofs_per_amount_max: ProofCount = 32
    """Proofs of one amount at a mint above which they are swapped for larger ones, from profit."""
    consolidation_interval_seconds: SecondsOrOff = 600
    """How often proofs that are many, or of an old keyset, are swapped; 0: never."""
    rebalance_above_sat: CountOrOff = 0
    """What lies at another mint beyond this, in sat, moves to the primary mint; 0: nothing does."""
    rebalance_sat_per_day: Count = 100_000
    """Most that moves between mints by itself in 24 hours, in sat."""
    rebalance_interval_seconds: Seconds = 600
    """How often it is looked at what lies where."""
    lightning_open_invoices_max: Count = 100
    """Most unpaid Lightning invoices of one key, or of one address that asks for new keys."""
    lightning_invoice_days: CountOrOff = 30
    """Days after its expiry that an unpaid Lightning invoice is kept; 0: for ever."""
    reconcile_interval_seconds: SecondsOrOff = 300
    """How often 100 proofs at each mint are compared with what the mint says; 0: never."""


class Payouts(Group):
    """Profit that leaves by itself."""

    receive_ln_address: LightningAddress = ""
    """Lightning address or LNURL that profit is paid to; empty: nothing is paid out by itself."""
    min_payout_sat: Count = 210
    """Least profit that is paid out, in sat."""
    max_payout_sat: Count = 250_000
    """Most that one payout takes out, fees included, in sat."""
    payout_interval_seconds: Seconds = 900
    """How often profit is looked at."""


class Limits(Group):
    """Limits and intervals."""

    request_body_bytes_max: ByteCount = 20 * 1024**2
    """Largest body of a request, in bytes."""
    upload_bytes_max: ByteCount = 64 * 1024**2
    """Largest accepted form with files (pictures to edit, sound to hear), in bytes."""
    header_bytes_max: ByteCount = 64 * 1024
    """Largest sum of a request's headers, in bytes."""
    header_count_max: Count = 100
    """Most headers of a request."""
    response_bytes_max: ByteCount = 64 * 1024**2
    """Largest answer that is taken from a provider, in bytes."""
    drain_notice_seconds: SecondsOrOff = 0
    """How long the node serves on after SIGTERM while it tells load balancers to go elsewhere."""
    drain_seconds: SecondsOrOff = 30
    """How long running requests may go on after SIGTERM."""
    instance_stale_seconds: Seconds = 60
    """Silence after which another instance on the same database counts as dead."""
    idempotency_hours: Hours = 24
    """How long answers are kept for calls that are repeated with the same Idempotency-Key."""
    store_answers: bool = False
    """Keep the answers of paid JSON requests with an Idempotency-Key, up to 1 MiB each, sealed."""
    verify_interval_seconds: SecondsOrOff = 300
    """How often the books are verified while the node runs; 0: only at the start."""
    verify_full_interval_seconds: SecondsOrOff = 86_400
    """How often all of the books are verified, not only what is new; 0: only by hand."""


class RateLimits(Group):
    """Limits of payers; 0: none."""

    key_requests_per_minute: CountOrOff = 0
    """Most paid requests of one key, its child keys included, in a minute."""
    key_tokens_per_minute: CountOrOff = 0
    """Most tokens of one key in a minute: the prompt's before the request, the rest after it."""
    key_concurrency_max: CountOrOff = 0
    """Most paid requests of one key at the same time."""
    address_requests_per_minute: CountOrOff = 0
    """Most requests of one address (IPv6: of one /64 network) in a minute."""
    address_tokens_per_minute: CountOrOff = 0
    """Most tokens of one address in a minute."""
    address_concurrency_max: CountOrOff = 0
    """Most requests of one address at the same time."""


class ResponseCache(Group):
    """Answers that are given again to the same key for the same request."""

    response_cache_seconds: SecondsOrOff = 0
    """How long an answer is kept, in memory or sealed at REDIS_URL; 0: none is."""
    response_cache_bytes_max: ByteCount = 64 * 1024**2
    """Most that is kept, in bytes; then others go first."""
    response_cache_percent: Share = 100
    """Share of its cost that is charged when an answer is given again, in percent."""
    response_cache_for: CacheSigns = ("temperature",)
    """Texts that are the same each time: of temperature (0) and seed (any), comma separated."""


class Logs(Group):
    """Logs."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    """Least level that is logged: DEBUG, INFO, WARNING, ERROR or CRITICAL."""
    log_dir: Path = Path("logs")
    """Folder of the daily log files."""
    log_days: Count = 30
    """How many days log files are kept."""
    enable_console_logging: bool = True
    """Log to standard output as well."""
    console_log_format: Literal["json", "text"] = "json"
    """How lines look on standard output: json, or text, which is in colour at a terminal."""


GROUPS: tuple[type[Group], ...] = (
    Node,
    Storage,
    Upstream,
    Pricing,
    Wallet,
    Payouts,
    Limits,
    RateLimits,
    ResponseCache,
    Tor,
    Alerts,
    Nostr,
    Monitoring,
    Logs,
)
