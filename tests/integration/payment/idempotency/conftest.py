from tests.integration.ledger.conftest import bank, migrated_file, migrated_url, url

__all__ = ["bank", "migrated_file", "migrated_url", "url"]
