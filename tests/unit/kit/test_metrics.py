"""Goal: no metric without a declaration. Method: ask for undeclared ones."""

import pytest
from hexi_kit import metrics


def test_declared_names_can_be_used() -> None:
    makers = {"counter": metrics.counter, "histogram": metrics.histogram, "gauge": metrics.gauge}
    for name, declared in metrics.declarations().items():
        makers[declared.kind](name)


@pytest.mark.parametrize("name", ["rpc.nothing", "kafka.handle_ms", ""])
def test_undeclared_names_and_kinds_are_errors(name: str) -> None:
    with pytest.raises(metrics.UndeclaredMetricError):
        metrics.counter(name)


def test_the_same_name_is_the_same_instrument() -> None:
    assert metrics.counter("rpc.refusals") is metrics.counter("rpc.refusals")
