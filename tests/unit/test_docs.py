"""The documents say what the code does: names, routes, settings, errors, examples, commands."""

import asyncio
import json
import re
from importlib import import_module
from typing import Final

import pytest
from pydantic import BaseModel
from sqlmodel import SQLModel

from routstr import errors
from routstr.admin import access_schemas
from routstr.admin import schemas as admin_schemas
from routstr.admin.keys import schemas as admin_key_schemas
from routstr.admin.nostr import network_endpoints
from routstr.admin.nostr import schemas as nostr_schemas
from routstr.admin.selling import schemas as selling_schemas
from routstr.admin.wallet import schemas as wallet_schemas
from routstr.balance import key_schemas, schemas, usage
from routstr.core.cors import EXPOSED_HEADERS
from routstr.core.middleware import RequestLimits
from routstr.core.setting_groups import GROUPS
from routstr.discovery import schemas as directory_schemas
from routstr.ledger.books import PAGE_MAX
from routstr.node import paths
from routstr.node.health import REMEMBER_SECONDS
from routstr.payment.pricing import MAX_CHOICES, MAX_OUTPUT
from routstr.proxy.dialects.choices import CHAT
from routstr.proxy.request import MODEL_CHARS_MAX
from routstr.proxy.wire import BODY_IDLE_SECONDS, BODY_TOTAL_SECONDS
from routstr.upstream.headers import FORWARDED, RETURNED
from tests.unit import docs_examples, docs_metrics, docs_settings
from tests.unit.docs_design import problems_of
from tests.unit.docs_design_names import names
from tests.unit.docs_errors import classes, error_rows, raised
from tests.unit.docs_markdown import (
    ROOT,
    Call,
    blocks,
    calls,
    headings,
    layers,
    leads_somewhere,
    plain,
    prose,
    read,
    rows,
    spans,
)
from tests.unit.docs_node import Surface, look
from tests.unit.docs_references import problem_with

DESIGN: Final = "from-the-design.md"
PAGES: Final = (
    *("from-the-design.md", "http.md", "settings.md", "errors.md", "map.md"),
    *("extending.md", "versions.md", "client.md", "going-live.md", "operator.md", "overview.md"),
    *("privacy.md", "quickstart.md", "scaling.md", "contributing.md", "testing.md"),
    *("deployment.md", "docker.md", "https.md", "nostr.md", "tor.md"),
)
BASE: Final = "$BASE"
ANSWERS: Final = (
    *(schemas, key_schemas, usage, admin_schemas, admin_key_schemas, paths, access_schemas),
    wallet_schemas,
    selling_schemas,
    nostr_schemas,
    network_endpoints,
    directory_schemas,
)


@pytest.fixture(scope="module")
def surface(tmp_path_factory: pytest.TempPathFactory) -> Surface:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(look(tmp_path_factory.mktemp("node")))


# ---- from the design to the code ----


def test_the_design_map_has_every_name_of_the_documents_in_their_order() -> None:
    mapped = [
        (row.chapter, row.section, plain(row.cells[0])) for row in rows(read(DESIGN)) if row.section
    ]

    assert mapped == list(names())


def test_every_row_of_the_design_map_is_well_formed(surface: Surface) -> None:
    problems = [
        f"line {row.line}: {problem}"
        for row in rows(read(DESIGN))
        if row.section
        for problem in problems_of(row.cells, surface)
    ]

    assert problems == []


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (("a", "`routstr/auth/`", "same", ""), None),
        (("a", "`routstr/nowhere/`", "same", ""), "no path"),
        (("a", "`routstr.auth.keys:bearer`", "renamed", "why"), None),
        (("a", "`routstr.auth.keys:nobody`", "renamed", "why"), "no nobody"),
        (("a", "`routstr.nowhere:x`", "renamed", "why"), "cannot be imported"),
        (("a", "`accounts.posted`, `accounts.nothing`", "same", ""), "no column"),
        (("a", "`GET /nothing`", "same", ""), "no route"),
        (("a", "`NO_SETTING`", "same", ""), "no setting"),
        (("a", "`make nothing`", "same", ""), "no make target"),
        (("a", "`routstr nothing`", "same", ""), "no command"),
        (("a", "`routstr/auth/` mostly", "same", ""), "no list of references"),
        (("a", "—", "same", ""), "names nothing"),
        (("a", "—", "to come", "soon"), "with what"),
        (("a", "—", "to come", "comes with plug-ins"), None),
        (("`GET /health`", "—", "to come", "comes with monitoring"), "by now"),
        (("a", "`routstr/auth/`", "moved", "why"), "no state"),
        (("a", "`routstr/auth/`", "renamed", ""), "why"),
        (("`a_b`", "`routstr/auth/`", "same", ""), "not the same"),
        (("a", "`routstr/auth/`", "same"), "3 cells"),
    ],
)
def test_a_bad_row_of_the_design_map_is_noticed(
    surface: Surface, cells: tuple[str, ...], problem: str | None
) -> None:
    found = problems_of(cells, surface)

    assert (problem is None) == (not found)
    assert problem is None or any(problem in one for one in found)


# ---- the HTTP API ----


def test_every_route_is_documented_and_no_other(surface: Surface) -> None:
    table = {
        span
        for row in rows(read("http.md"))
        if row.chapter == "Routes"
        for span in spans(" ".join(row.cells[:2]))
    }

    assert table == surface.routes


def test_every_route_mentioned_in_a_heading_exists(surface: Surface) -> None:
    named = [span for line in headings(read("http.md")) for span in spans(line)]

    assert len(named) > 8
    assert [one for one in named if one not in surface.routes] == []


def test_every_public_route_has_a_heading(surface: Surface) -> None:
    first = [spans(row.cells[0])[0] for row in rows(read("http.md")) if row.chapter == "Routes"]
    read_by_people = {"GET /openapi.json"}

    own = {
        "GET /docs",
        "GET /key",
        "GET /play",
        "GET /now",
        "GET /llms.txt",
        "POST /look",
        "GET /assets/{path}",
    }
    pages = {one for one in first if "/admin" in one and "/admin/api/" not in one} | own

    told = {plain(line) for line in headings(read("http.md"))} | pages
    assert set(first) - told == read_by_people


@pytest.mark.parametrize(
    "call", calls(read("http.md")), ids=lambda call: f"{call.method} {call.url}"
)
def test_every_curl_example_asks_for_what_the_node_serves(surface: Surface, call: Call) -> None:
    assert call.url.startswith(BASE)
    path, _, _ = call.url.replace(BASE, "/v1").partition("?")
    assert surface.serves(call.method, path), "no such route"
    if call.body is not None:
        assert_taken(path, call.body)


def assert_taken(path: str, body: str) -> None:
    """The endpoint knows this body and all of its fields."""
    if path == "/v1/chat/completions":
        assert CHAT.parse(body.encode()).model == "smollm2"
        return
    takers: dict[str, type[BaseModel]] = {
        "/v1/balance/create": schemas.CreateRequest,
        "/v1/balance/info": key_schemas.ChangeRequest,
        "/v1/balance/child-key": key_schemas.ChildKeysRequest,
        "/v1/balance/child-key/reset": key_schemas.ChildKeyRequest,
        "/v1/balance/child-key/revoke": key_schemas.ChildKeyRequest,
        "/v1/balance/donate": key_schemas.DonateRequest,
        "/v1/balance/topup": schemas.TopupRequest,
        "/v1/balance/refund": schemas.RefundRequest,
        "/v1/balance/lightning/invoice": schemas.InvoiceRequest,
        "/v1/balance/lightning/recover": schemas.RecoverRequest,
    }
    taken = takers[path].model_validate_json(body)
    assert taken.model_dump().keys() == json.loads(body).keys()


def test_there_are_curl_examples() -> None:
    assert len(calls(read("http.md"))) >= 8


@pytest.mark.parametrize(
    ("name", "text"), blocks(read("http.md"), "json"), ids=lambda one: one[:20]
)
async def test_every_json_example_is_what_the_node_answers(
    surface: Surface, name: str, text: str
) -> None:
    shown = json.loads(text)
    opened = {"root": "/", "info": "/v1/info", "health": "/health", "ready": "/health/ready"}
    if name in opened:
        assert list(shown) == list(surface.answers[opened[name]])
    elif name in docs_examples.EXACT:
        assert shown == await docs_examples.EXACT[name]()
    else:
        answer = next(getattr(each, name) for each in ANSWERS if hasattr(each, name))
        absent = {"msats"} if name == "RefundAnswer" else set()
        told = answer.model_validate_json(text, strict=True)
        assert list(told.model_dump(exclude=absent)) == list(shown)
        for inner in shown.get("transactions", ()):
            assert list(inner) == list(schemas.Transaction.model_fields)
        for inner in shown.get("child_keys", ()):
            assert list(inner) == list(key_schemas.ChildKey.model_fields)


def test_every_header_of_the_node_is_told() -> None:
    page = prose(read("http.md"))
    named = {one.lower() for one in spans(page) if one.lower().startswith("x-routstr-")}
    named -= {"x-routstr-fit-balance", "x-routstr-model-path"}  # a request's

    assert named == {one for one in EXPOSED_HEADERS if one.startswith("x-routstr-")}
    assert [one for one in (*FORWARDED, *RETURNED) if f"`{one}`" not in page] == []


@pytest.mark.parametrize(
    "figure",
    [
        f"from 1 to {MAX_OUTPUT:,}",
        f"from 1 to {MAX_CHOICES}",
        f"longer than {MODEL_CHARS_MAX} characters",
        f"`limit` is 1 to {PAGE_MAX}",
        f"silence inside a body {BODY_IDLE_SECONDS:g} s, a whole body {BODY_TOTAL_SECONDS:g} s",
        f"({RequestLimits(1, 1, 1).body_seconds:g} s on management routes)",
        f"every {REMEMBER_SECONDS:g} seconds at most",
    ],
)
def test_figures_are_those_of_the_code(figure: str) -> None:
    assert figure in read("http.md")


# ---- settings ----


def test_the_settings_page_is_what_the_settings_say() -> None:
    assert read("settings.md") == docs_settings.render(), "see tests/unit/docs_settings.py"


# ---- metrics ----


def test_the_metrics_page_is_what_the_metrics_say() -> None:
    assert read("metrics.md") == docs_metrics.render(), "see tests/unit/docs_metrics.py"


# ---- errors ----


def test_the_errors_page_lists_the_tree() -> None:
    tree = {
        name: (getattr(errors, name).status, getattr(errors, name).type, getattr(errors, name).code)
        for name in errors.__all__
        if name != "Details"
    }
    page = {name: cells[1:4] for name, cells in error_rows().items()}

    assert page.keys() == tree.keys()
    for name, (status, kind, code) in tree.items():
        shown = "as the provider" if name == "UpstreamRejected" else str(status)
        assert page[name] == (shown, kind, code), name


def test_every_error_says_when_and_what_became_of_the_money() -> None:
    assert [name for name, cells in error_rows().items() if not (cells[4] and cells[5])] == []


def test_every_status_of_an_error_says_what_to_do() -> None:
    told = [row.cells for row in rows(read("errors.md")) if row.chapter == "What to do"]
    statuses = {one for cells in told for one in cells[0].split(", ")}

    assert {str(one.status) for one in classes()} == statuses
    assert all(all(cells) for cells in told)


def test_no_error_has_a_code_that_the_page_does_not_know() -> None:
    codes = {cells[3] for cells in error_rows().values()}

    assert {one.code for one in classes()} == codes


def test_errors_that_are_not_raised_yet_are_marked() -> None:
    page = error_rows()
    marked = {name for name, cells in page.items() if cells[4].startswith("not raised yet")}

    assert marked == page.keys() - raised()


# ---- all pages ----


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(read(page)))

    assert [target for target in targets if not leads_somewhere(page, target)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_path_and_command_in_a_page_exists(surface: Surface, page: str) -> None:
    known = re.compile(r"(?:routstr|tests|docs|demo|devkit|bench|scripts)/[\w./-]*|make [a-z]+")
    named = [
        one
        for row_or_line in prose(read(page)).splitlines()
        if not row_or_line.startswith("|") or page != DESIGN
        for one in spans(row_or_line)
        if known.fullmatch(one)
    ]

    assert [problem for one in named if (problem := problem_with(one, surface))] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_named_in_a_page_exists(page: str) -> None:
    names_in_capitals = {
        span for span in spans(prose(read(page))) if re.fullmatch(r"[A-Z]+(?:_[A-Z0-9]+)+", span)
    }
    codes = {cells[3] for cells in error_rows().values()}
    fields = {name.upper() for name in settings_fields()}
    designs = {"ALL_METHODS", "UPSTREAM_RATE_LIMIT"}

    assert names_in_capitals - fields - codes - designs == set()


def settings_fields() -> set[str]:
    return {name for group in GROUPS for name in group.model_fields}


def test_the_map_lists_the_packages_and_their_tables() -> None:
    folders = [path for path in (ROOT / "routstr").iterdir() if (path / "__init__.py").exists()]
    owned: dict[str, set[str]] = {f"routstr/{path.name}/": set() for path in folders}
    for file in (ROOT / "routstr").rglob("*.py"):
        if "table=True" in file.read_text(encoding="utf-8"):
            import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
    for mapper in SQLModel._sa_registry.mappers:
        top, package, *_ = mapper.class_.__module__.split(".")
        if top == "routstr":  # other tests may declare tables of their own
            owned[f"routstr/{package}/"].add(mapper.class_.__tablename__)

    table = [row.cells for row in rows(read("map.md")) if row.chapter == "Packages"]

    assert {plain(cells[0]): set(spans(cells[2])) for cells in table} == owned


def test_the_map_draws_the_layers_that_are_checked() -> None:
    (drawing, *_) = [text for _, text in blocks(read("map.md"), "mermaid")]
    drawn = re.findall(r'\["([^"]+)"\]', drawing)

    assert [re.split(r" \| ", line.split("<br/>")[0]) for line in drawn] == layers()
