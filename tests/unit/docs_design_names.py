"""Every name of the four design documents, in the order in which they mention them.

The documents themselves are not kept here. ``#`` is a document, ``##`` one of its headings; names
are separated by `` ; ``. The table in ``docs/from-the-design.md`` has a row for each.
"""

from collections.abc import Iterator
from typing import Final

NAMES: Final = """
# 1. Architecture, the short document
## Modules
FastAPI app with layered modules ; routstr/core ; main.py ; FastAPI app factory ; CORS ; routers ;
background tasks ; db.py ; SQLModel ApiKey table ; async engine ; Alembic migrations runner ;
middleware.py ; request/response logging ; per-request IDs ; exceptions.py ; unified exception
handlers ; request_id in errors ; logging.py ; JSON logs to logs/ ; daily-rotated ; rich console
(optional) ; admin.py ; admin dashboard (HTML) ; balances in the dashboard ; withdrawals in the
dashboard ; routstr/proxy.py ; validates auth ; pre-charges base cost ; forwards to upstream ;
adjusts cost after usage is known ; routstr/auth.py ; sk-<hash> API keys ; raw cashu... tokens ;
tokens redeemed and stored as balances ; hashed_key ; routstr/wallet.py ; Cashu wallet
creation/loading ; token redemption ; token sending ; mint swaps to a primary mint ; periodic
payouts via LNURL ; aggregate balances across mints/units ; routstr/payment ; helpers.py ; env ;
upstream header filtering ; model max-cost lookup ; cost_caculation.py ; base + token-based pricing
; model-based pricing ; models.py ; load models from file ; load models from OpenRouter ; compute
sats caps ; x_cashu.py ; per-request payment via X-Cashu header ; refunds of the X-Cashu flow ;
lnurl.py ; LNURL payRequest utilities ; invoice melt
## Request flows
Bearer flow (funded API keys) ; Authorization: Bearer sk-... ; Bearer cashu... ;
auth.validate_bearer_key ; creates/loads ApiKey ; redeeming the cashu token if needed ; pre-charges
a model-specific capped cost ; forwards request ; compute actual token-based cost ; refund or top-up
delta ; X-Cashu flow (per-request tokens) ; X-Cashu: <token> on each request ; x_cashu_handler ;
change in the X-Cashu response header
## Database schema
ApiKey table ; hashed keys ; msat balances ; reserved balances ; refund info ; usage counters ;
migrations executed automatically at startup
# 2. Architecture Overview
## System Overview
FastAPI-based reverse proxy ; figure: system overview ; API Client ; Cashu Mint ; AI Provider ;
Nostr Relays ; FastAPI Server ; Auth Module ; Payment Module ; Proxy Module ; SQLite DB ; Client to
API ; API to Auth ; Auth to Payment ; Auth to DB ; Payment to Proxy ; Proxy to Provider ; Payment to
Mint ; API to Nostr
## FastAPI Application
routstr/core/main.py ; Lifespan Management ; Middleware: CORS ; Middleware: logging ; Middleware:
error handling ; Routers, modular endpoint organization ; Background task: price updates ;
Background task: automatic payouts
## Authentication System
routstr/auth.py ; API Key Validation ; hashed key storage and lookup ; Balance Checking ; Rate
Limiting (optional throttling) ; Token Redemption
## Payment Processing
routstr/payment/ ; Cost Calculation, token-based ; Cost Calculation, fixed ; Model Pricing from
models.json ; Currency Conversion (BTC/USD) ; Fee Application: exchange fee ; Fee Application:
provider fee
## Request Proxying
routstr/proxy.py ; Request Forwarding: preserves headers ; Request Forwarding: preserves body ;
Response Streaming ; Usage Tracking ; Error Handling (upstream failures)
## Database Layer
routstr/core/db.py ; SQLModel ; APIKey ; APIKey.id ; APIKey.key_hash ; APIKey.balance ;
APIKey.created_at ; APIKey.metadata ; Transaction ; Transaction.id ; Transaction.api_key_id ;
Transaction.amount ; Transaction.type ; type deposit ; type usage ; type withdrawal ;
Transaction.timestamp
## Standard API Request
figure: standard API request ; API Request + Key ; Validate Key ; Key Info + Balance ; Check Balance
; Forward Request ; AI Response ; Deduct Cost ; Return Response
## Payment Flow
figure: payment flow ; Create Key Request + Token ; Validate Token ; Verify with Mint ; Token Valid
; Token Amount ; Create Key + Balance ; Return API Key
## Async Architecture
everything async ; handle_request ; get_api_key ; check_balance ; check_rate_limit ; concurrent
operations (asyncio.gather) ; proxy_request ; streaming without blocking
## Modular Design
Routers: separate files ; Dependencies injected via FastAPI ; Models: shared data structures ;
Services apart from routes
## Error Handling
RoustrError ; status_code ; error_type ; 500 internal_error ; InsufficientBalanceError ; 402
insufficient_balance ; structured error response ; graceful degradation ; clear error messages
## Database Migrations
Alembic ; auto-migrations on startup ; version control for schema changes ; rollback capability ;
zero-downtime updates
## API Key Security
SHA-256 hashed keys ; cryptographically secure generation ; constant-time comparison ; rotation ;
key expiry
## Payment Security
Token Validation (cryptographic) ; Double-Spend Prevention (mint) ; Atomic transactions ; Audit
Trail
## Network Security
HTTPS enforced in production ; CORS, configurable origins ; Rate Limiting per key ; Input Validation
(Pydantic models)
## Caching Strategy
model pricing cache ; lru_cache of 100 ; get_model_price ; ModelPrice ; MODELS ; balance_cache ;
TTLCache of 1000, 60 s
## Database Optimization
Connection Pooling ; Indexed Queries, O(1) key lookups ; Batch Operations ; Async I/O
## Streaming Responses
stream_response ; aiter_bytes ; process_chunk ; no loading of the full response
## Adding New Endpoints
1. create router module ; 2. define Pydantic models ; 3. implement business logic ; 4. register with
main app ; 5. add tests
## Custom Pricing Models
1. extend ModelPrice ; 2. implement calculation logic ; 3. pricing registry ; 4. configuration of a
pricing model
## Payment Methods
1. payment handler ; 2. validation of a payment ; 3. payment router ; 4. balance logic
## Unit Tests
mock external dependencies ; business logic in isolation ; under 1 second per test ; coverage above
80 %
## Integration Tests
component interactions ; test database ; mock external services ; end-to-end flows
## Performance Tests
load testing with locust ; memory profiling ; database query optimization ; response time benchmarks
## Structured Logging
api_request event ; request_id ; api_key ; endpoint ; model ; tokens ; cost_sats ; duration_ms
## Metrics Collection
request rate by endpoint ; token usage by model ; balance changes ; error rates ; response times
## Health Checks
GET /health ; health_check ; status ; version, __version__ ; database, check_db ; upstream,
check_upstream ; mints, check_mints
## Container Structure
multi-stage build ; python:3.11-slim ; only runtime needs copied ; runs as non-root user
## Environment Configuration
Development: local SQLite, debug logging ; Testing: in-memory database, mock services ; Production:
persistent storage, structured logs
## Scaling Considerations
Horizontal: instances behind a load balancer ; Vertical: async handles high concurrency ; Database:
PostgreSQL ; Caching: Redis
## Planned Improvements
1. WebSocket Support (balance updates) ; 2. Plugin System (pricing, auth) ; 3. Multi-Region ; 4.
Event Sourcing
## Technical Debt
database query optimization ; response caching layer ; metric aggregation ; API versioning strategy
## Next Steps
code-structure.md ; testing.md
# 3. Overview
## Payment Proxy
transparent proxy ; intercepts API requests ; validates payment tokens ; forwards to the upstream
provider ; tracks usage, deducts costs ; returns responses to the client
## Cashu eCash Protocol
Privacy: unlinkable payments ; Instant Settlement ; Micropayments: fractions of a satoshi ; Offline
Capability
## Lightning Network Integration
through Cashu mints ; fast Bitcoin deposits ; fast Bitcoin withdrawals ; global payment reach ; low
transaction fees ; no minimum payment amounts
## System Components
figure: system components ; AI Application ; OpenAI SDK ; eCash Wallet ; FastAPI Server ; Auth
Module ; Payment Module ; Proxy Module ; SQLite Database ; Upstream AI Provider ; Cashu Mint ;
Bitcoin/Lightning
## Key Modules: Authentication
auth.py ; API key validation ; balance checking ; request authorization
## Key Modules: Payment Processing
payment/ ; token validation ; cost calculation ; balance updates ; pricing models
## Key Modules: Proxy Handler
proxy.py ; request forwarding ; response streaming ; usage tracking ; error handling
## Key Modules: Wallet Management
wallet.py ; Cashu wallet integration ; token redemption ; balance management ; automatic payouts
## Key Modules: Admin Interface
core/admin.py ; web dashboard ; balance viewing ; key management ; withdrawal interface
## Standard Flow (API Key)
1. deposit tokens to create an API key ; 2. requests with the API key ; 3. balance check, then
forward ; 4. cost by actual usage ; 5. response returned
## Per-Request Flow
1. token in the request header ; 2. token meets the minimum amount ; 3. request processed ; 4.
change in the response header ; 5. no account or balance needed
## API Compatibility
chat completions, non-streaming ; chat completions, streaming ; text completions ; embeddings ;
image generation ; audio transcription/translation ; model listing ; custom endpoints
## Payment Features
multiple Cashu mint support ; automatic balance tracking ; model-based pricing ; USD to BTC
conversion ; configurable fees ; balance withdrawals
## Operational Features
Docker deployment ; Tor hidden service support ; Nostr relay discovery ; database migrations ;
comprehensive logging ; admin dashboard
## Next Steps: guides
quickstart.md ; docker.md ; configuration.md
# 4. Code Structure
## Directory Layout
routstr-core/ ; routstr/ ; routstr/__init__.py ; routstr/auth.py ; routstr/balance.py ;
routstr/discovery.py ; routstr/proxy.py ; routstr/wallet.py ; routstr/core/ ;
routstr/core/__init__.py ; routstr/core/admin.py ; routstr/core/db.py ; routstr/core/exceptions.py ;
routstr/core/logging.py ; routstr/core/main.py ; routstr/core/middleware.py ; routstr/payment/ ;
routstr/payment/__init__.py ; routstr/payment/cost_calculation.py ; routstr/payment/helpers.py ;
routstr/payment/lnurl.py ; routstr/payment/models.py ; routstr/payment/price.py ;
routstr/payment/x_cashu.py ; tests/ ; tests/__init__.py ; tests/conftest.py ; tests/unit/ ;
tests/integration/ ; migrations/ ; migrations/alembic.ini ; migrations/env.py ;
migrations/script.py.mako ; migrations/versions/ ; scripts/ ; scripts/models_meta.py ; docs/ ; logs/
; .github/ ; .env.example ; .gitignore ; .dockerignore ; Dockerfile ; Makefile ; README.md ;
alembic.ini ; compose.yml ; compose.testing.yml ; pyproject.toml ; uv.lock
## Application Entry Point
loads environment variables, dotenv.load_dotenv() ; fastapi_app ; app ; FastAPI(title=...) ;
lifespan ; app.add_middleware(CORSMiddleware) ; app.add_middleware(LoggingMiddleware) ; admin_router
; balance_router ; proxy_router
## Authentication Module
APIKeyAuth ; APIKeyAuth.__call__ ; extract and validate API key ; check balance ; return
authenticated key object ; Depends(APIKeyAuth()) ; protected_route, /protected ; create_api_key() ;
validate_api_key() ; check_balance() ; update_last_used()
## Cost Calculation
routstr/payment/cost_calculation.py ; calculate_request_cost ; parameter model ; parameter
prompt_tokens ; parameter completion_tokens ; parameter **kwargs ; CostData ; cost in millisatoshis
; model-based or fixed pricing ; token counting ; fee application ; currency conversion
## Model Pricing
routstr/payment/models.py ; ModelPrice ; ModelPrice.id ; ModelPrice.name ; ModelPrice.pricing ;
ModelPrice.context_length ; MODELS ; load_models ; update_sats_pricing
## X-Cashu Module
routstr/payment/x_cashu.py ; XCashuHandler ; process_request_payment ; parameter token ; parameter
estimated_cost ; PaymentResult ; validate token ; check minimum amount ; process payment ; generate
change
## Request Proxying Module
proxy_request ; /{path:path} ; ALL_METHODS ; build upstream request ; stream response ; track usage
; deduct costs ; streaming support ; header preservation ; error handling ; usage tracking
## Database Models
APIKey ; APIKey.id ; APIKey.key_hash ; APIKey.balance ; APIKey.total_deposited ; APIKey.total_spent
; APIKey.created_at ; APIKey.expires_at ; APIKey.metadata ; Transaction ; Transaction.id ;
Transaction.api_key_id ; Transaction.amount (may be negative) ; Transaction.balance_after ;
Transaction.type ; TransactionType ; Transaction.description ; Transaction.timestamp
## Admin Interface
routstr/core/admin.py ; GET /admin/ ; admin_dashboard ; authentication check ; load statistics ;
render template ; POST /admin/api/withdraw ; withdraw_balance ; parameter api_key ; parameter amount
; WithdrawalResponse ; HTML dashboard ; API key management ; balance withdrawals ; usage statistics
## Wallet Integration
WalletManager ; redeem_token ; parameter token of redeem_token ; parameter mint_url of redeem_token
; value of a redeemed token ; create_token ; parameter amount of create_token ; parameter mint_url
of create_token
## Utility Modules
routstr/core/logging.py ; setup_logging ; set log level ; configure formatters ; add handlers ;
RequestIdMiddleware ; routstr/core/middleware.py ; LoggingMiddleware ; ErrorHandlingMiddleware ;
routstr/core/exceptions.py ; RoustrError ; RoustrError.status_code ; RoustrError.error_type ;
RoustrError.detail ; PaymentError ; UpstreamError
## Configuration Files
pyproject.toml ; name routstr ; version 0.1.3 ; dependency fastapi[standard] ; dependency sqlmodel ;
dependency cashu ; testpaths ; asyncio_mode ; ruff select E, F, I ; alembic.ini ; script_location ;
prepend_sys_path ; version_path_separator ; loggers root, sqlalchemy, alembic ; Makefile ; make
setup ; uv sync ; uv pip install -e . ; make dev ; fastapi dev routstr --host 0.0.0.0 ; make test ;
uv run pytest ; make lint ; uv run ruff check .
## Dependency Injection
get_db ; AsyncSession ; async_session ; get_items, /items ; Depends(...)
## Async Context Managers
httpx.AsyncClient ; database.transaction()
## Type Safety
Python 3.11+ features ; union types ; type alias Balance ; type alias TokenList
## Consistent Error Responses
HTTPException with a detail ; "error", "message" ; logger.error(..., exc_info=True)
## Module Organization
Single Responsibility ; Minimal Imports ; Circular Dependencies avoided ; Public API through
__init__.py
## Function Design
Type Hints ; Async First ; Error Handling: specific exceptions ; Documentation: docstrings
## Testing Structure
Mirror Source ; Fixtures in conftest.py ; Mocking of external dependencies ; Coverage above 80 %
## Next Steps: further reading
Testing Guide ; Architecture
"""


def names() -> Iterator[tuple[str, str, str]]:
    """Document, heading and name of each entry."""
    document = heading = ""
    text: dict[tuple[str, str], list[str]] = {}
    for line in NAMES.strip().splitlines():
        if line.startswith("# "):
            document = line.removeprefix("# ")
        elif line.startswith("## "):
            heading = line.removeprefix("## ")
        else:
            text.setdefault((document, heading), []).append(line)
    for (document, heading), lines in text.items():
        yield from ((document, heading, name) for name in " ".join(lines).split(" ; "))
