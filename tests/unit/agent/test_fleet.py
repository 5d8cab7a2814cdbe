"""Goal: a simulated site is a sound server set. Method: build small and large ones and look."""

from hexi_agent.fleet import make_server_set

COLUMNS = ("rack_index", "model_index", "cpu_milli", "memory_mib", "accelerator_index")
COLUMNS += ("accelerators", "power_limit_w", "executor_index")


def test_every_column_speaks_of_every_server() -> None:
    made = make_server_set("lanzhou", 3_000, seed=7, host_server=False)

    assert {len(getattr(made, name)) for name in COLUMNS} == {3_000}
    assert made.racks[0] == "lanzhou-r001"
    assert len(made.racks) == 150
    assert list(made.executors) == ["fleet"]
    assert set(made.executor_index) == {0}


def test_a_mixed_site_has_all_accelerators_and_only_with_a_number() -> None:
    made = make_server_set("qingyang", 400, seed=1, host_server=False)

    assert set(made.accelerator_models) == {"T4", "A100", "Ascend-910B", "Hygon-DCU"}
    assert set(made.accelerator_index) == {0, 1, 2, 3, 4}
    pairs = zip(made.accelerator_index, made.accelerators, strict=True)
    assert all((model == 0) == (number == 0) for model, number in pairs)


def test_the_last_server_is_this_machine() -> None:
    made = make_server_set("lanzhou", 41, seed=1, host_server=True)

    assert made.models[made.model_index[-1]] == "host"
    assert made.executors[made.executor_index[-1]] == "host"
    assert list(made.executor_index).count(1) == 1
    assert made.cpu_milli[-1] >= 500
    assert made.accelerators[-1] == 0


def test_a_site_of_one_is_the_host_alone() -> None:
    made = make_server_set("edge", 1, seed=1, host_server=True)

    assert list(made.executor_index) == [1]


def test_the_same_seed_gives_the_same_site_and_another_seed_another() -> None:
    first = make_server_set("zhangye", 1_200, seed=3, host_server=False)

    assert first == make_server_set("zhangye", 1_200, seed=3, host_server=False)
    assert first != make_server_set("zhangye", 1_200, seed=4, host_server=False)


def test_a_million_servers_are_columns_too() -> None:
    made = make_server_set("gansu", 1_000_000, seed=1, host_server=False)

    assert len(made.rack_index) == 1_000_000
