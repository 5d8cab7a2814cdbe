"""Renders topic sources as the typed constants of `topics.py`."""

from __future__ import annotations

from pathlib import Path

from hexi_contracts.topic_source import TopicSource

HEAD = '"""Typed constants of every topic. Generated from contracts/topics: run ./task gen."""\n'


def message_modules(proto: Path) -> dict[str, str]:
    """Full message name → generated module, read from the protos themselves."""
    modules: dict[str, str] = {}
    for file in sorted(proto.glob("hexi/**/*.proto")):
        package = ".".join(file.relative_to(proto).parts[:-1])
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith("message "):
                modules[f"{package}.{line.split()[1]}"] = f"{package}.{file.stem}_pb2"
    return modules


def constant(topic: TopicSource, modules: dict[str, str]) -> str:
    message = "None"
    if topic.message != "ocsf":
        module = modules[topic.message].rsplit(".", 1)[1]
        message = f"{module}.{topic.message.rsplit('.', 1)[1]}"
    fields = {
        "name": repr(topic.name),
        "message": message,
        "partitions": topic.partitions,
        "cleanup": repr(topic.cleanup),
        "retention_ms": topic.retention_ms,
        "compaction_lag_ms": topic.compaction_lag or 0,
        "message_bytes_max": topic.message_bytes_max,
        "dead_letter": repr(topic.dead_letter),
        "owner": repr(topic.owner),
        "producers": topic.producers,
        "consumers": topic.consumers,
    }
    if topic.readers:
        fields["readers"] = topic.readers
    body = "".join(f"    {key}={value},\n" for key, value in fields.items())
    return f"{topic.constant} = Topic(\n{body})\n".replace("'", '"')


def render(topics: list[TopicSource], proto: Path) -> str:
    modules = message_modules(proto)
    used = sorted({modules[t.message] for t in topics if t.message != "ocsf"})
    imports = "".join(
        f"from {module.rsplit('.', 1)[0]} import {module.rsplit('.', 1)[1]}\n" for module in used
    )
    constants = "\n".join(constant(topic, modules) for topic in topics)
    names = "".join(f"    {topic.constant},\n" for topic in topics)
    return (
        f"{HEAD}\nfrom __future__ import annotations\n\n{imports}"
        f"\nfrom hexi_contracts.topic import Topic\n\n{constants}"
        f"\nALL: tuple[Topic, ...] = (\n{names})\n"
        "BY_NAME: dict[str, Topic] = {topic.name: topic for topic in ALL}\n"
    )
