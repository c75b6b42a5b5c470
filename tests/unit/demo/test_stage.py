from demo.stage import PRICES
from devkit.model import ALIAS, CONTEXT_PER_REQUEST
from routstr.catalog.models_file import load_models


def test_the_price_file_sells_the_model_that_runs() -> None:
    (model,) = load_models(PRICES)
    assert model.id == ALIAS
    assert model.context_tokens <= CONTEXT_PER_REQUEST
    assert model.priced
