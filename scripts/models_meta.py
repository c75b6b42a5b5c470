"""Refresh the models file: prices, contexts and limits from a public list in OpenRouter's format.

    python -m scripts.models_meta                          prices of the models in models.json
    python -m scripts.models_meta --add openai/gpt-4o      and one more model
    python -m scripts.models_meta --from list.json --file my-models.json --dry-run

What only the operator says stays as it is: names, aliases, what is forwarded, switched off, free or
priced by hand (``fixed``). A model that the list does not have or does not price stays as it is and
is told. The new file is checked as the node checks it, and replaces the old one at once or not at
all.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from routstr.catalog.models_file import (
    ModelsFileError,
    ModelSpec,
    UsdPricing,
    parse_models,
)
from routstr.catalog.price_list import ListUnusable, PriceIndex, parse_list
from routstr.payment.price_lists import LIST_BYTES_MAX
from routstr.payment.price_sources import HttpFetch, SourceFailed

PUBLIC: Final = "https://openrouter.ai/api/v1/models"
TIMEOUT_SECONDS: Final = 30
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when the file is fresh, else 1 and a line on standard error."""
    options = _options().parse_args(arguments)
    try:
        models = parse_list(_read(options.source))
        old = options.file.read_bytes() if options.file.exists() else b'{"data":[]}'
        whole = _is_whole(old)
        content = msgspec.json.Decoder(float_hook=Decimal).decode(old)
        for line in refresh(content, models, options.add):
            print(line)
        text = msgspec.json.format(_ENCODER.encode(content), indent=2) + b"\n"
        parse_models(text, whole=whole)
        if not options.dry_run:
            _replace(options.file, text)
    except (ModelsFileError, ListUnusable, SourceFailed, OSError) as error:
        print(f"models_meta: {error}", file=sys.stderr)
        return 1
    return 0


def refresh(
    content: dict[str, Any] | list[Any], models: Sequence[ModelSpec], add: Sequence[str]
) -> Iterator[str]:
    """Change the entries of a file in place, and tell each change."""
    entries = content
    if isinstance(content, dict):
        entries = content["data"] if "data" in content else content["models"]
    assert isinstance(entries, list), "the file was checked"
    index = PriceIndex(models)
    for name in add:
        if index.find(name) is None:
            raise ListUnusable(f"{name} is not in the list")
    known = {entry["id"].lower() for entry in entries}
    entries.extend({"id": name} for name in add if name.lower() not in known)
    for entry in entries:
        found = index.find(entry.get("forwarded_model_id") or entry["id"])
        if found is None or found.pricing == UsdPricing():
            yield f"{entry['id']}: {'not in the list' if found is None else 'without a price'}"
        else:
            yield from _refreshed(entry, found)


def _refreshed(entry: dict[str, Any], found: ModelSpec) -> Iterator[str]:
    told = _plain(found)
    prices = entry.get("pricing") or {}
    for name in sorted({*prices, *told["pricing"]}):
        old, new = prices.get(name), told["pricing"].get(name)
        if old != new and (old is None or new is None or Decimal(str(old)) != Decimal(new)):
            yield f"{entry['id']}: {name} {old} -> {new}"
    for name in ("name", "description", "created", "canonical_slug"):
        if told.get(name):
            entry.setdefault(name, told[name])
    for name in ("context_length", "architecture", "top_provider"):
        if told.get(name):
            entry[name] = told[name]
    entry["pricing"] = told["pricing"]


def _plain(model: ModelSpec) -> dict[str, Any]:
    """What the list says, without what it does not say; prices as text, digit by digit."""
    told: dict[str, Any] = msgspec.to_builtins(model)
    prices = msgspec.structs.asdict(model.pricing).items()
    told["pricing"] = {name: f"{price:f}" for name, price in prices if price is not None}
    top = told.get("top_provider") or {}
    told["top_provider"] = {name: value for name, value in top.items() if value is not None}
    return told


def _is_whole(text: bytes) -> bool:
    """Whether a file says all that is needed, or may leave things to lists."""
    try:
        parse_models(text)
    except ModelsFileError:
        parse_models(text, whole=False)
        return False
    return True


def _read(source: str) -> bytes:
    return asyncio.run(_fetched(source)) if "://" in source else Path(source).read_bytes()


async def _fetched(url: str) -> bytes:
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
        return await HttpFetch(session, LIST_BYTES_MAX, {"Accept-Encoding": "identity"})(url)


def _replace(file: Path, text: bytes) -> None:
    beside = file.with_name(f".{file.name}.new")
    beside.write_bytes(text)
    if file.exists():
        beside.chmod(file.stat().st_mode)
    beside.replace(file)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="models_meta", description=__doc__.partition("\n")[0])
    parser.add_argument("--from", dest="source", default=PUBLIC, help="URL or file of the list")
    parser.add_argument("--file", type=Path, default=Path("models.json"), help="the models file")
    parser.add_argument("--add", action="append", default=[], metavar="ID", help="one more model")
    parser.add_argument("--dry-run", action="store_true", help="tell the changes, write nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
