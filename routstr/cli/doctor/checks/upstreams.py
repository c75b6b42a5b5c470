"""The providers: answering, taking their keys; and whether what they serve has a price."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from http import HTTPStatus
from typing import Final

import aiohttp

from routstr.admin.selling.shown import State as ModelState
from routstr.cli import selling
from routstr.cli.doctor.findings import Finding, fault, skipped, warning, well
from routstr.cli.doctor.patient import Patient
from routstr.core.addresses import ForbiddenAddress
from routstr.core.explanation import explain
from routstr.core.node_key import SealBroken
from routstr.core.secret import Secret
from routstr.errors import RoutstrError
from routstr.upstream.provider import Profile, Provider

TIMEOUT_SECONDS: Final = 20.0
_PATH: Final = "models"
_REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_ANY_PRICE: Final = Decimal(100_000)
"""Of bitcoin: what has a price in USD is sold at any."""
_SOLD: Final = frozenset({ModelState.SOLD, ModelState.SPARE})


async def check(patient: Patient) -> list[Finding]:
    """Ask each for its list with each of its keys, which costs nothing."""
    try:
        profiles = await selling.profiles_of(
            patient.settings, patient.extensions, patient.db, patient.key
        )
    except (SealBroken, RoutstrError) as error:
        return [
            fault(
                "the stored providers cannot be read",
                explain(error),
                "Put back the secret key with which they were stored.",
            )
        ]
    if not profiles:
        if patient.db is not None and patient.key is None:
            return [skipped("the stored providers", "the secret key cannot be used")]
        return [
            fault(
                "no provider",
                "neither UPSTREAM_BASE_URL nor a stored provider says where requests go",
                "Set UPSTREAM_BASE_URL, or run routstr providers add TYPE.",
            )
        ]
    looks = (_look(patient, one, key) for one in profiles for key in (one.keys or (Secret(),)))
    found = list(await asyncio.gather(*looks))
    return [*found, *[one async for one in _priced(patient)]]


async def _look(patient: Patient, profile: Profile, key: Secret) -> Finding:
    name = f"provider {profile.name}"
    provider = Provider.create(
        profile.name, profile.base_url, key, profile.adapter, profile.options
    )
    try:
        async with patient.upstream.of(profile).get(
            provider.url(_PATH),
            headers=provider.headers_for(_PATH),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
        ) as answer:
            return _judged(name, profile, answer.status, has_key=bool(key))
    except (aiohttp.ClientError, ForbiddenAddress, OSError, ValueError) as error:
        return fault(
            f"{name} does not answer",
            f"{profile.base_url}: {explain(error) or type(error).__name__}",
            "Look whether its address is right and whether this machine reaches it.",
        )


def _judged(name: str, profile: Profile, status: int, *, has_key: bool) -> Finding:
    if status in _REFUSED:
        cause = f"it answers {status}" + ("" if has_key else ", and no key is set")
        where = (
            f"routstr providers edit {profile.name} --key-file FILE"
            if profile.id
            else "UPSTREAM_API_KEY"
        )
        return fault(f"{name} refuses its key", cause, f"Give it a valid key: {where}.")
    if status == HTTPStatus.PAYMENT_REQUIRED:
        return fault(f"{name} wants money", f"it answers {status}", "Top your account there up.")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return fault(
            f"{name} is in trouble", f"it answers {status}", "Wait, or add another provider."
        )
    if status != HTTPStatus.OK:
        return warning(
            f"{name} answers, and has no list of models",
            f"GET /{_PATH} gives {status}, so its key could not be tried",
            f"Try a model of it: routstr models test MODEL --provider {profile.name}.",
        )
    return well(f"{name} answers" + (" and takes its key" if has_key else ""))


async def _priced(patient: Patient) -> AsyncIterator[Finding]:
    """Whether what is served is sold; the price of bitcoin is another check's."""
    settings = patient.settings
    if patient.db is None or patient.key is None:
        yield skipped("prices of models", "the database cannot be read")
        return
    try:
        desk = await selling.open_models(
            settings,
            patient.extensions,
            patient.db,
            patient.key,
            patient.ports.clock,
            patient.outgoing,
            patient.upstream,
            settings.btc_usd or _ANY_PRICE,
        )
    except (ValueError, OSError) as error:
        yield fault(
            "what is sold cannot be read",
            explain(error),
            "Correct the file of MODELS_PATH, or the setting that is named.",
        )
        return
    for provider in desk.lists.stock:
        rows = desk.all_of(provider)
        sold = sum(row.state in _SOLD for row in rows)
        unpriced = [row.id for row in rows if row.state is ModelState.UNPRICED]
        if not sold:
            yield fault(
                f"provider {provider} sells nothing",
                f"of its {len(rows)} models none has a price",
                "Put prices into the file of MODELS_PATH, add upstream or openrouter to "
                "MODEL_SOURCES, or run routstr models set.",
            )
        elif unpriced:
            yield warning(
                f"{len(unpriced)} of {len(rows)} models of {provider} are not sold",
                f"nobody says what they cost: {', '.join(unpriced[:5])}",
                f"routstr models set MODEL --provider {provider} prices one.",
            )
        else:
            yield well(f"{sold} models of {provider} have a price")
